"""Ending a visit, and its events in the logs of both spaces."""

from __future__ import annotations

from contextlib import nullcontext

from django.db import transaction
from django.utils import timezone

from tenants import registry
from tenants.context import use
from tenants.registry import TenantInfo, current
from tremplin.identity.models import SupportAccess
from tremplin.kernel import audit

# Where the visitor's space shows what she visits from.
HOME = {"hq": "/platform/", "reseller": "/reseller/"}


def both_logs(kind: str, visit: SupportAccess, **data: object) -> None:
    """Write one event in the log of the current space and in that of the visitor; ids only."""
    target = current()
    assert target is not None  # noqa: S101  visits are rows of a space
    facts = {"visit": visit.pk, **data}
    audit.record(
        kind,
        target=f"person:{visit.person_id}",
        data={**facts, "viewer": visit.viewer_account, "viewer_space": visit.viewer_tenant},
    )
    home = registry.by_uuid(visit.viewer_tenant)
    if home is None:
        return
    # Who closed the visit over there is not the business of the visitor's space.
    who = audit.current_actor()
    own = who.id == visit.viewer_account
    with use(home), nullcontext() if own else audit.actor(None, "space"):
        audit.record(
            kind,
            target=f"space:{target.uuid}",
            data={**facts, "person": visit.person_id, "viewer": visit.viewer_account},
        )


def finish(visit: SupportAccess, cause: str) -> bool:
    """End a visit of the current space; returns whether it was still open.

    ``cause`` is a code: ``stopped`` by the visitor, ``closed`` by the space, or one of
    ``running.cause_of_end``.
    """
    with transaction.atomic():
        row = SupportAccess.objects.select_for_update().filter(pk=visit.pk, ended_at=None).first()
        if row is None:
            return False
        row.ended_at = min(timezone.now(), row.expires_at)
        row.save(update_fields=["ended_at"])
        if row.opened_at is not None:  # a link that nobody followed was no visit
            if cause == "expired":
                both_logs("security.support_expired", row)
            else:
                both_logs("security.support_ended", row, cause=cause)
    return True


def finish_all(cause: str) -> int:
    """End every visit of the current space; returns how many were open."""
    return sum(finish(visit, cause) for visit in SupportAccess.objects.filter(ended_at=None))


def finish_expired() -> int:
    """End the visits whose time is over and that nobody closed; returns how many."""
    late = SupportAccess.objects.filter(ended_at=None, expires_at__lte=timezone.now())
    return sum(finish(visit, "expired") for visit in late)


def home_of(visit: SupportAccess) -> TenantInfo | None:
    """Return the space from which the visitor came."""
    return registry.by_uuid(visit.viewer_tenant)


def return_url(visit: SupportAccess) -> str:
    """Return the address of the page from which the visit was started."""
    home, target = home_of(visit), current()
    if home is None or target is None:
        return "/"
    path = HOME.get(home.kind, "/")
    if home.kind == "hq":
        path = f"/platform/spaces/{target.uuid}/"
    return registry.absolute_url(home, path)
