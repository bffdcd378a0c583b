"""The clients of a reseller: reading one, and making one, once per wish."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from tenants import provisioning, registry
from tenants.branding import look, presets, texts
from tenants.branding import services as branding
from tenants.context import use
from tenants.errors import TenancyError
from tenants.models import Tenant
from tremplin.billing import cards
from tremplin.identity.support import opening
from tremplin.kernel import audit, gate
from tremplin.operations.models import ClientRequest
from tremplin.operations.reseller import cloning
from tremplin.operations.reseller.figures import ClientFigures, client_figures

if TYPE_CHECKING:
    from tenants.registry import TenantInfo
    from tremplin.billing.cards import PlanCard

TRIAL_DAYS = 14
# A creation takes seconds; a wish that runs longer belongs to a process that died.
DEAD_AFTER = timedelta(minutes=3)


class StillRunning(Exception):  # noqa: N818  reads as the answer it carries
    """The same wish is being fulfilled by another request."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the reseller asks for; ``template`` None begins with an empty configuration.

    A plan that costs something (``is_paid``) opens on trial, a free one is given.
    """

    name: str
    slug: str
    kind: str
    email: str
    locale: str
    plan: str
    is_paid: bool = False
    template: TenantInfo | None = None


@dataclass(frozen=True, slots=True)
class ClientDetails:
    """One client as its page shows it: figures and configuration, nothing about people."""

    figures: ClientFigures
    kind: str
    url: str
    modules: list[str]
    own_fields: list[str]
    visits_allowed: bool


def of(reseller: TenantInfo) -> list[TenantInfo]:
    """Return the clients of ``reseller``, by name."""
    return registry.load(Tenant.objects.filter(reseller_id=reseller.pk).order_by("name", "pk"))


def details(reseller: TenantInfo, client: TenantInfo) -> ClientDetails:
    """Return what the page of one client shows."""
    figures = next(row for row in client_figures(reseller) if row.tenant.pk == client.pk)
    return ClientDetails(
        figures=figures,
        kind=str(Tenant.Kind(client.kind).label),
        url=registry.absolute_url(client, "/"),
        modules=[cards.module_name(slug) for slug in sorted(gate.enabled(client))],
        own_fields=own_fields(client),
        visits_allowed=client.status == "active" and opening.is_allowed(client),
    )


def own_fields(client: TenantInfo) -> list[str]:
    """Return the fields of the preset that a client decides itself, locked ones left out."""
    preset = look.preset_for(client)
    locks = set(preset.locks) if preset is not None else set()
    row = branding.published(client)
    chosen = {name for name in look.COLOURS if row is not None and name in row.inputs}
    if row is not None and row.logo_file:
        chosen.add(look.LOGO)
    said = texts.sources(client)
    chosen |= {name for name in (texts.FOOTER, texts.SUPPORT) if said[name].level == "tenant"}
    return [name for name in presets.LOCKABLE if name in chosen - locks]


def plans(reseller: TenantInfo) -> list[PlanCard]:
    """Return the plans that the reseller sells to its clients, at its prices."""
    return cards.plan_cards(reseller, module="")


def create(reseller: TenantInfo, wish: Wish, *, key: UUID, by: UUID) -> TenantInfo:
    """Create a client; the same ``key`` creates it once and then returns the same space.

    The space, its plan on trial, its configuration and the invitation of its administrator are
    written together or not at all. Raises ``StillRunning`` while another request fulfils the wish
    and ``TenancyError`` (slug taken, reserved, malformed …), after which the key may be used again.
    """
    made = _claim(wish, key, by)
    if made is not None:
        return made
    recipe = cloning.read(wish.template) if wish.template is not None else cloning.Recipe()
    try:
        client = provisioning.create(
            provisioning.NewTenant(
                name=wish.name,
                slug=wish.slug,
                kind=wish.kind,
                email=wish.email,
                locale=wish.locale,
                timezone=(wish.template or reseller).timezone,
                reseller_pk=reseller.pk,
                options={
                    "owner": {"email": wish.email, "locale": wish.locale},
                    "plan": wish.plan,
                    "plan_trial_days": TRIAL_DAYS if wish.is_paid else 0,
                    cloning.OPTION: recipe,
                },
            )
        )
    except TenancyError:
        ClientRequest.objects.filter(pk=key).update(state=ClientRequest.State.FAILED)
        raise
    facts = {"slug": client.slug, "plan": wish.plan}
    # Which other client it was made like is the reseller's business alone.
    own = {**facts, "template": wish.template.slug} if wish.template is not None else facts
    with transaction.atomic():
        ClientRequest.objects.filter(pk=key).update(
            state=ClientRequest.State.DONE, client=client.uuid
        )
        audit.record("reseller.client_created", target=str(client.uuid), data=own)
    with use(client):
        audit.record("reseller.client_created", target=str(client.uuid), data=facts)
    return client


def _claim(wish: Wish, key: UUID, by: UUID) -> TenantInfo | None:
    """Take the wish over, or return the client that it made already. Raises ``StillRunning``."""
    now = timezone.now()
    template = wish.template.uuid if wish.template is not None else None
    row, is_new = ClientRequest.objects.get_or_create(
        pk=key,
        defaults={"slug": wish.slug, "template": template, "asked_by": by, "asked_at": now},
    )
    if is_new:
        return None
    if row.state == ClientRequest.State.DONE and row.client is not None:
        found = registry.by_uuid(row.client)
        if found is not None:
            return found
    taken = ClientRequest.objects.filter(
        Q(state=ClientRequest.State.FAILED) | Q(asked_at__lt=now - DEAD_AFTER), pk=key
    ).update(
        state=ClientRequest.State.RUNNING,
        slug=wish.slug,
        template=template,
        asked_by=by,
        asked_at=now,
    )
    if not taken:
        raise StillRunning
    return None
