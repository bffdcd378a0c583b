"""Fills identity's port: the places of the current space are the seats of its plan."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenants.registry import TenantInfo
from tremplin.identity.errors import NoPlace
from tremplin.identity.seats import UNLIMITED, Places, who_takes_one
from tremplin.kernel.current import current_tenant, tenant_required
from tremplin.licensing import seats, snapshots
from tremplin.licensing.errors import UPGRADE_PATH, NotEntitled, SeatsFull
from tremplin.licensing.models import SeatAssignment


class SeatPort:
    """The seats of the current space's plan, counted in the caller's transaction."""

    def is_counted(self) -> bool:
        """Tell, without a query, whether this space may have a plan."""
        tenant = current_tenant.get()
        return isinstance(tenant, TenantInfo) and snapshots.may_be_limited(tenant)

    def places(self, *, lock: bool) -> Places:
        """Return the seats; a plan that takes nobody more has none free."""
        tenant = tenant_required()
        held = seats.seat_license(tenant, lock=lock)
        total = seats.limit_of(held) if held is not None else None
        if held is None or total is None:
            return UNLIMITED
        if lock and held.seats_used >= total and free_lapsed(tenant):
            held.refresh_from_db(fields=["seats_used"])
        if seats.closed_for(held):
            return Places(held.seats_used, held.seats_used)
        return Places(held.seats_used, total)

    def require(self, number: int) -> None:
        """Refuse when fewer than ``number`` seats are free, and lock them. Raises ``NoPlace``."""
        tenant = tenant_required()
        held = seats.seat_license(tenant, lock=True)
        if held is None:
            return
        if state := seats.closed_for(held):
            raise _suspended(state)
        total = seats.limit_of(held)
        if total is None or held.seats_used + number <= total:
            return
        if free_lapsed(tenant):
            held.refresh_from_db(fields=["seats_used"])
            if held.seats_used + number <= total:
                return
        raise _full(held.seats_used, total, number)

    def take(self, people: Collection[UUID], *, invited: bool) -> None:
        """Seat each of ``people`` who has no seat, all or nobody. Raises ``NoPlace``."""
        tenant = tenant_required()
        try:
            seats.take(tenant, list(people), invited=invited)
        except SeatsFull as error:
            # An invitation that lapsed since the last cleaning gives its seat back first.
            if not free_lapsed(tenant):
                raise _of(error) from error
            try:
                seats.take(tenant, list(people), invited=invited)
            except SeatsFull as again:
                raise _of(again) from again
        except NotEntitled as error:
            raise _suspended(error.code) from error

    def release(self, people: Collection[UUID]) -> None:
        """Free the seats of ``people``."""
        seats.release(tenant_required(), people)


def free_lapsed(tenant: TenantInfo) -> int:
    """Free the seats of invitations that are over, in the current space; return how many."""
    held = seats.seat_license(tenant)
    if held is None:
        return 0
    waiting = set(
        SeatAssignment.objects.filter(license=held, state=SeatAssignment.State.INVITED).values_list(
            "member", flat=True
        )
    )
    if not waiting:
        return 0
    seated, invited = who_takes_one(waiting)
    return seats.release(tenant, waiting - seated - invited)


def _of(error: SeatsFull) -> NoPlace:
    return _full(error.extra["used"], error.extra["total"], error.extra["wanted"])  # type: ignore[arg-type]


def _full(used: int, total: int, wanted: int) -> NoPlace:
    message = _("%(used)s/%(total)s seats are taken.") % {"used": used, "total": total}
    if used < total:
        missing = used + wanted - total
        message += " " + ngettext(
            "%(count)s more is needed.", "%(count)s more are needed.", missing
        ) % {"count": missing}
    else:
        message += " " + _("Free a seat or choose a larger plan first.")
    return NoPlace("seats_full", message, used=used, total=total, upgrade_url=UPGRADE_PATH)


def _suspended(state: str) -> NoPlace:
    text = (
        _("The plan of this space has ended: nobody can be added.")
        if state == "ended"
        else _("The plan of this space is not paid: nobody can be added before it is.")
    )
    return NoPlace("plan_suspended", text, upgrade_url=UPGRADE_PATH)
