"""Which spaces the demo's provider serves, and the connection of the demo's company to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from tenants import registry
from tenants.context import public_write, use
from tenants.models import Domain
from tenants.registry import TenantInfo
from tremplin.operations.demo.idp.people import EDU_PERSON, ENTITY_ID, HOST, NAME, ROLE_MAP
from tremplin.sso.models import Connection, EmailDomain

SLUG = "volteo-id"


@dataclass(frozen=True, slots=True)
class Service:
    """A space as the provider knows it; ``certificates`` (PEM) sign its requests."""

    name: str
    entity_id: str
    acs: str
    sls: str
    login: str
    certificates: tuple[str, ...]


def service_of(entity_id: str) -> Service | None:
    """Return the space that calls itself ``entity_id``, when it is connected to the provider."""
    from tremplin.sso.saml import config, keys

    tenant = registry.by_host(urlsplit(entity_id).hostname or "")
    if tenant is None:
        return None
    with use(tenant):
        rows = Connection.objects.select_related("app").filter(app__provider_id=ENTITY_ID)
        connection = rows.first()
        if connection is None or connection.app.settings["sp"]["entity_id"] != entity_id:
            return None
        return Service(
            tenant.name,
            entity_id,
            config.service_url("acs", connection.slug),
            config.service_url("sls", connection.slug),
            config.service_url("login", connection.slug),
            tuple(key.certificate for key in keys.published().values()),
        )


def serve_host(hq: TenantInfo) -> None:
    """Let the operator's space answer at the host of the provider as well."""
    with public_write("demo domains"):
        Domain.objects.get_or_create(
            domain=HOST,
            defaults={
                "tenant_id": hq.pk,
                "is_primary": False,
                "kind": Domain.Kind.CUSTOM,
                "verified_at": timezone.now(),
            },
        )
        registry.bump_epoch()


def connect(tenant: TenantInfo, block: dict[str, Any]) -> None:
    """Connect a space to the provider as its ``sso`` block says; safe to call again.

    A demo that starts on another port finds its addresses corrected.
    """
    if not settings.SAML_AVAILABLE or block.get("type") != "saml":
        return
    from tremplin.operations.demo.idp import messages
    from tremplin.sso.saml import config, services
    from tremplin.sso.saml import metadata as idp_metadata

    names = block["attribute_map"]
    with use(tenant):
        found = idp_metadata.read(messages.metadata().encode())
        rows = Connection.objects.select_related("app").filter(app__provider_id=ENTITY_ID)
        connection = rows.first()
        if connection is None:
            mapping = {
                name: [names[name], EDU_PERSON[names[name]]]
                for name in ("email", "first_name", "last_name")
            }
            mapping["uid"] = ["eduPersonPrincipalName", EDU_PERSON["eduPersonPrincipalName"]]
            connection = services.connect(
                found,
                preset="renater",
                choices=services.Choices(
                    label=NAME,
                    mapping=mapping,
                    role_attribute=names["role"],
                    role_map=ROLE_MAP,
                    idp_initiated=True,
                ),
                slug=SLUG,
            )
        with transaction.atomic():
            services.replace_metadata(connection, found, metadata_url="")
            connection.app.settings["sp"]["entity_id"] = config.service_url("metadata", SLUG)
            connection.app.save()
            connection.is_active = True
            connection.is_enforced = bool(block.get("enforced"))
            connection.save()
            EmailDomain.objects.get_or_create(
                domain="volteo.example", defaults={"verified_at": timezone.now()}
            )
