"""Every change to the SAML connections of a space. Each function is one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from allauth.socialaccount.models import SocialApp
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.identity.normalise import clean_text, slugify
from tremplin.sso.errors import SsoError
from tremplin.sso.models import Connection
from tremplin.sso.role_mapping import grantable_roles, lowest_role
from tremplin.sso.saml import config, keys
from tremplin.sso.saml import metadata as idp_metadata
from tremplin.sso.saml.metadata import IdpMetadata
from tremplin.sso.saml.presets import BY_CODE, FIELDS
from tremplin.sso.services import audit

RESERVED_SLUGS = frozenset({"keys", "new"})


@dataclass(frozen=True, slots=True)
class Choices:
    """What an administrator decides about a connection, beside the provider's metadata.

    ``mapping`` goes from a field (``presets.FIELDS``) to attribute names, best first.
    """

    label: str
    mapping: Mapping[str, list[str]]
    role_attribute: str = ""
    role_map: Mapping[str, str] = field(default_factory=dict)
    default_role: str = "learner"
    creates_people: bool = True
    updates_profile: bool = True
    updates_roles: bool = False
    signs_message: bool = True
    signs_assertion: bool = True
    encrypts: bool = False
    idp_initiated: bool = False


def _checked(choices: Choices) -> None:
    if not clean_text(choices.label):
        raise SsoError("label_required", _("Give the connection a name: it stands on the button."))
    if not (choices.signs_message or choices.signs_assertion):
        raise SsoError("unsigned", _("Require a signature on the answer, the assertion or both."))
    unknown = {choices.default_role, *choices.role_map.values()} - set(grantable_roles())
    if unknown:
        raise SsoError(
            "unknown_role",
            _("A directory cannot give the role “%(role)s”.")
            % {"role": ", ".join(sorted(unknown))},
        )


def _free_slug(label: str) -> str:
    base = slugify(label, limit=30) or "saml"
    taken = set(Connection.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    taken |= RESERVED_SLUGS
    return next(
        slug
        for slug in (base, *(f"{base}-{number}" for number in range(2, 1000)))
        if slug not in taken
    )


def _write(connection: Connection, app: SocialApp, choices: Choices) -> None:
    """Copy ``choices`` to both rows, not stored yet."""
    connection.label = app.name = clean_text(choices.label)[:40]
    connection.default_role = choices.default_role
    connection.role_attribute = choices.role_attribute.strip()[:200]
    connection.role_map = {
        clean_text(value)[:200]: role for value, role in choices.role_map.items() if value.strip()
    }
    connection.creates_people = choices.creates_people
    connection.updates_profile = choices.updates_profile
    connection.updates_roles = choices.updates_roles
    app.settings["attribute_mapping"] = {
        name: [source.strip()[:300] for source in choices.mapping.get(name, []) if source.strip()]
        for name in FIELDS
    }
    app.settings["email_authentication"] = True
    app.settings["advanced"] = {
        "want_assertion_signed": choices.signs_assertion,
        "want_message_signed": choices.signs_message,
        "want_assertion_encrypted": choices.encrypts,
        "authn_request_signed": True,
        "logout_request_signed": True,
        "logout_response_signed": True,
        "reject_idp_initiated_sso": not choices.idp_initiated,
        "allow_single_label_domains": True,
        "name_id_format": config.UNSPECIFIED,
    }


def choices_of(connection: Connection) -> Choices:
    """Return what was decided about ``connection``."""
    advanced = connection.app.settings.get("advanced", {})
    return Choices(
        label=connection.label,
        mapping=connection.app.settings.get("attribute_mapping", {}),
        role_attribute=connection.role_attribute,
        role_map=connection.role_map,
        default_role=connection.default_role,
        creates_people=connection.creates_people,
        updates_profile=connection.updates_profile,
        updates_roles=connection.updates_roles,
        signs_message=advanced.get("want_message_signed", True),
        signs_assertion=advanced.get("want_assertion_signed", True),
        encrypts=advanced.get("want_assertion_encrypted", False),
        idp_initiated=not advanced.get("reject_idp_initiated_sso", True),
    )


def defaults_for(preset: str, label: str) -> Choices:
    """Return the usual choices for a kind of provider."""
    found = BY_CODE.get(preset, BY_CODE["generic"])
    return Choices(
        label=label,
        mapping=found.mapping,
        default_role=lowest_role(),
        role_attribute=found.role_attribute,
        signs_message=found.signs_message,
    )


@transaction.atomic
def connect(
    found: IdpMetadata,
    *,
    preset: str,
    choices: Choices,
    metadata_url: str = "",
    slug: str = "",
) -> Connection:
    """Store a connection to the provider ``found``, switched off until it was tested.

    Raises ``SsoError`` ``already_connected``, or what is wrong with the choices.
    """
    _checked(choices)
    keys.ensure_current()
    chosen = slug or _free_slug(choices.label)
    if SocialApp.objects.filter(provider_id=found.entity_id).exists():
        raise SsoError("already_connected", _("This provider is connected already."))
    app = SocialApp(
        provider="saml",
        provider_id=found.entity_id,
        client_id=chosen,
        name="",
        settings={"sp": {"entity_id": config.service_url("metadata", chosen)}},
    )
    connection = Connection(kind=Connection.Kind.SAML, slug=chosen, preset=preset)
    _write(connection, app, choices)
    _describe(connection, app, found)
    connection.metadata_url = metadata_url
    app.save()
    connection.app = app
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError as error:
        raise SsoError("slug_taken", _("Another connection has this name already.")) from error
    audit("security.sso_created", connection, entity_id=found.entity_id)
    return connection


def _describe(connection: Connection, app: SocialApp, found: IdpMetadata) -> None:
    app.settings["idp"] = {
        "entity_id": found.entity_id,
        "metadata_url": config.STORED,
        "metadata_xml": found.xml,
        "sso_url": found.sso_url,
        "slo_url": found.slo_url,
        "certificates": [
            {
                "subject": row.subject,
                "expires_at": row.expires_at.isoformat(),
                "fingerprint": row.fingerprint,
            }
            for row in found.certificates
        ],
    }
    connection.certificate_expires_at = found.expires_at
    connection.metadata_checked_at = timezone.now()
    connection.metadata_error = ""


@transaction.atomic
def update(connection: Connection, choices: Choices) -> None:
    """Change what was decided about a connection. Raises ``SsoError``."""
    _checked(choices)
    _write(connection, connection.app, choices)
    connection.app.save()
    connection.save()
    audit("security.sso_changed", connection)


@transaction.atomic
def replace_metadata(connection: Connection, found: IdpMetadata, *, metadata_url: str) -> bool:
    """Store a new description of the same provider; return whether its certificates changed.

    Raises ``SsoError`` ``other_provider`` when the entity ID differs: the identities linked to
    people belong to the former one.
    """
    settings: dict[str, Any] = connection.app.settings
    if found.entity_id != settings["idp"]["entity_id"]:
        raise SsoError(
            "other_provider",
            _("This metadata describes another provider (%(name)s). Add a connection for it.")
            % {"name": found.entity_id},
        )
    before = {row["fingerprint"] for row in settings["idp"].get("certificates", [])}
    after = {row.fingerprint for row in found.certificates}
    _describe(connection, connection.app, found)
    connection.metadata_url = metadata_url
    connection.app.save()
    connection.save()
    if before != after:
        audit(
            "security.sso_certificates_changed",
            connection,
            added=sorted(after - before),
            removed=sorted(before - after),
        )
    return before != after


def refresh(connection: Connection) -> bool:
    """Read the metadata address again; return whether the certificates changed.

    A failure is kept with the connection, whose stored description goes on working. Raises
    ``SsoError``.
    """
    settings: dict[str, Any] = connection.app.settings
    try:
        found = idp_metadata.fetch(connection.metadata_url, settings["idp"]["entity_id"])
        return replace_metadata(connection, found, metadata_url=connection.metadata_url)
    except SsoError as error:
        Connection.objects.filter(pk=connection.pk).update(
            metadata_error=error.message[:300], metadata_checked_at=timezone.now()
        )
        raise
