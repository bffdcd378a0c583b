"""The operator's review of a listing: each step is allowed from some states only, and recorded."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from tenants import registry as spaces
from tremplin.api import services
from tremplin.kernel import audit, clock, gate, registry
from tremplin.licensing.models import License
from tremplin.marketplace.errors import ChecksMissing, StepRefused
from tremplin.marketplace.models import Listing, ReviewStep

State = Listing.State
NEXT: dict[str, tuple[str, ...]] = {
    State.DRAFT: (State.SUBMITTED, State.RETIRED),
    State.SUBMITTED: (State.CHECKS, State.CHANGES_REQUESTED),
    State.CHECKS: (State.APPROVED, State.CHANGES_REQUESTED),
    State.CHANGES_REQUESTED: (State.SUBMITTED, State.RETIRED),
    State.APPROVED: (State.PUBLISHED, State.CHANGES_REQUESTED),
    State.PUBLISHED: (State.SUSPENDED, State.RETIRED),
    State.SUSPENDED: (State.PUBLISHED, State.RETIRED),
    State.RETIRED: (State.SUBMITTED,),
}
LABELS = {
    State.SUBMITTED: _("Submit for review"),
    State.CHECKS: _("Start the checks"),
    State.APPROVED: _("Approve"),
    State.CHANGES_REQUESTED: _("Ask for changes"),
    State.PUBLISHED: _("Publish"),
    State.SUSPENDED: _("Suspend the sales"),
    State.RETIRED: _("Retire"),
}
# What takes something away from others says why.
NEEDS_NOTE = frozenset({State.CHANGES_REQUESTED, State.SUSPENDED, State.RETIRED})
STOP = "stopped"
RELEASE = "released"


@transaction.atomic
def move(listing: Listing, wanted: str, *, by: UUID | None, note: str = "") -> Listing:
    """Bring a listing to another state. Raises ``StepRefused`` or ``ChecksMissing``.

    Approval wants the tier of the installed version: the suite passed for it. Suspending or
    retiring stops new sales only: running licences stay.
    """
    with services.tenancy().public_write("review"):
        row = Listing.objects.select_for_update().get(pk=listing.pk)
        if wanted not in NEXT[row.state]:
            raise StepRefused(row.state, wanted)
        if wanted == State.APPROVED and not has_passed(row):
            raise ChecksMissing
        former = row.state
        row.state = wanted
        if wanted == State.PUBLISHED and row.published_at is None:
            row.published_at = clock.now()
        row.save(update_fields=["state", "published_at", "updated_at"])
        _record(row, former, by, note)
    return row


def has_passed(listing: Listing) -> bool:
    """Tell whether the installed version has a tier."""
    manifest = registry.manifest_of(listing.pk)
    return (
        manifest is not None
        and bool(listing.quality)
        and listing.quality_report.get("version") == manifest.version
    )


@transaction.atomic
def stop(listing: Listing, *, by: UUID | None, reason: str) -> int:
    """Switch a module off in every space at once, for security, and tell the administrators.

    Apart from delisting: running licences stop too. Return how many spaces had it.
    """
    if listing.stopped_at is not None:
        return 0
    with services.tenancy().public_write("security stop"):
        row = Listing.objects.select_for_update().get(pk=listing.pk)
        row.stopped_at = clock.now()
        row.stop_reason = reason
        row.save(update_fields=["stopped_at", "stop_reason", "updated_at"])
        _record(row, row.state, by, reason, kind=STOP)
    touched = 0
    for tenant in spaces.all_tenants():
        had = gate.mode(tenant, listing.pk) != "off"
        gate.set_quarantined(tenant, listing.pk, True, reason="security stop")
        if had:
            touched += 1
            _tell(tenant, listing.pk, stopped=True)
    return touched


@transaction.atomic
def release(listing: Listing, *, by: UUID | None, note: str = "") -> int:
    """Give a stopped module back; spaces find it as it was. Return how many have it again."""
    if listing.stopped_at is None:
        return 0
    with services.tenancy().public_write("security stop"):
        row = Listing.objects.select_for_update().get(pk=listing.pk)
        row.stopped_at = None
        row.stop_reason = ""
        row.save(update_fields=["stopped_at", "stop_reason", "updated_at"])
        _record(row, row.state, by, note, kind=RELEASE)
    touched = 0
    for tenant in spaces.all_tenants():
        gate.set_quarantined(tenant, listing.pk, False, reason="security stop lifted")
        if gate.mode(tenant, listing.pk) != "off":
            touched += 1
            _tell(tenant, listing.pk, stopped=False)
    return touched


def stop_in_new_space(tenant: Any) -> None:
    """Keep stopped modules off in a space that is being created."""
    for slug in Listing.objects.exclude(stopped_at=None).values_list("pk", flat=True):
        gate.set_quarantined(tenant, slug, True, reason="security stop")


def holders(listing: Listing) -> int:
    """Return how many spaces hold a running licence of the module, by itself or by a plan."""
    from django.db.models import Q

    return (
        License.objects.filter(Q(module=listing.pk) | Q(plan_version__items__module=listing.pk))
        .exclude(state=License.State.ENDED)
        .values("tenant_id")
        .distinct()
        .count()
    )


def _record(listing: Listing, former: str, by: UUID | None, note: str, *, kind: str = "") -> None:
    """Add the step to the listing's history, and to the log of the operator's space."""
    ReviewStep.objects.create(
        listing=listing,
        former=former,
        state=listing.state,
        by=by,
        note=f"{kind}: {note}" if kind else note,
        at=clock.now(),
    )
    hq = spaces.hq()
    if hq is not None:
        with services.tenancy().use(hq):
            audit.record(
                f"marketplace.{kind or 'review'}",
                target=f"module:{listing.pk}",
                data={"from": former, "to": listing.state, "by": str(by) if by else None},
            )


def _tell(tenant: Any, slug: str, *, stopped: bool) -> None:
    manifest = registry.get(slug)
    names = {"en": slug, "fr": slug}
    if manifest is not None and manifest.manifest is not None:
        names = {"en": manifest.manifest.name.en, "fr": manifest.manifest.name.fr}
    if stopped:
        title = {
            "en": f"{names['en']} is stopped for security",
            "fr": f"{names['fr']} est arrêté par sécurité",
        }
        body = {
            "en": "The operator switched this module off everywhere. Its data is kept.",
            "fr": "L’exploitant a désactivé ce module partout. Ses données sont conservées.",
        }
    else:
        title = {
            "en": f"{names['en']} is available again",
            "fr": f"{names['fr']} est de nouveau disponible",
        }
        body = {
            "en": "The security stop is lifted: the module is as it was.",
            "fr": "L’arrêt de sécurité est levé\u202f: le module est comme avant.",
        }
    with services.tenancy().use(tenant):
        people = [person.id for person in services.people().with_role("admin")]
        if people:
            services.notify().send(
                people,
                "marketplace.security_stop",
                title=title,
                body=body,
                url=f"/console/modules/{slug}/",
            )
