"""Who sits on the seats of a tenant's plan: counted once per person, never one too many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, F, Q, When

from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.api import services
from tremplin.identity import seats as people
from tremplin.kernel import clock
from tremplin.licensing import snapshots
from tremplin.licensing.errors import NotEntitled, SeatsFull
from tremplin.licensing.models import License, SeatAssignment


@dataclass(frozen=True, slots=True)
class SeatStatus:
    """Seats of a licence; ``total`` None means that nobody is counted out."""

    used: int
    total: int | None
    is_over_limit: bool = False

    @property
    def free(self) -> int | None:
        """Return how many more people may come, None without a limit."""
        return None if self.total is None else max(0, self.total - self.used)


# A plan in its last unpaid days, suspended or ended takes nobody new; those who are there stay.
CLOSED_STATES = frozenset({"grace", "suspended", "ended"})
_NO_LIMIT = SeatStatus(0, None)
_ADD = """
INSERT INTO public.licensing_seatassignment (license_id, member, state, assigned_at)
SELECT %s, member, %s, %s FROM unnest(%s::uuid[]) AS member
ON CONFLICT (license_id, member) DO NOTHING RETURNING member
"""


def plan_license(tenant: TenantInfo) -> License | None:
    """Return the running licence of the whole space, None when it has none (any more)."""
    held = seat_license(tenant)
    return held if held is not None and held.state != License.State.ENDED else None


def seat_license(tenant: TenantInfo, *, lock: bool = False) -> License | None:
    """Return the licence of the whole space, which holds the seats: the running one, else the last.

    None when the space never had a plan: nobody is counted then. With ``lock`` the row is held
    until the end of the transaction, and so is every seat of it.
    """
    if not snapshots.may_be_limited(tenant):
        return None
    ended = Case(When(state=License.State.ENDED, then=1), default=0)
    rows = (
        License.objects.filter(tenant_id=tenant.pk, module="")
        .select_related("plan_version")
        .order_by(ended, "-created_at", "-id")
    )
    if not lock:
        return rows.first()
    with services.tenancy().public_write("seats"):
        return rows.select_for_update(of=("self",)).first()


def limit_of(held: License) -> int | None:
    """Return how many seats the licence gives out now: None without a limit, or before its date."""
    return held.seats_total if snapshots.open_until(held) is None else None


def closed_for(held: License) -> str:
    """Return why the licence takes nobody more now: its state, or nothing when it does."""
    state = snapshots.current_state(held).state
    return state if state in CLOSED_STATES else ""


def status(tenant: TenantInfo) -> SeatStatus:
    """Return the seats of the space's plan (one query)."""
    held = seat_license(tenant)
    if held is None:
        return _NO_LIMIT
    return SeatStatus(held.seats_used, limit_of(held), held.is_over_limit)


def take(tenant: TenantInfo, members: Sequence[UUID], *, invited: bool = False) -> int:
    """Give a seat to each of ``members`` who has none and return how many were given.

    All of them or nobody: raises ``SeatsFull``, or ``NotEntitled`` when the plan is not paid. Joins the caller's transaction, so that nobody is
    created without her seat. An invited person who arrives keeps the seat of her invitation.
    """
    held = seat_license(tenant)
    return 0 if held is None else seat(held, members, invited=invited)


def seat(held: License, members: Sequence[UUID], *, invited: bool = False) -> int:
    """Give a seat of this licence to each of ``members``; raises as ``take`` does."""
    if not members:
        return 0
    state = SeatAssignment.State.INVITED if invited else SeatAssignment.State.ACTIVE
    with transaction.atomic(), services.tenancy().public_write("seats"):
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [held.pk, state, clock.now(), sorted(set(members))])
            given = len(cursor.fetchall())
        if not invited:
            SeatAssignment.objects.filter(
                license=held, member__in=members, state=SeatAssignment.State.INVITED
            ).update(state=SeatAssignment.State.ACTIVE)
        if given and (state_now := closed_for(held)):
            raise NotEntitled("people.seats", state_now)
        if given:
            room = (
                Q(seats_total__isnull=True)
                | Q(seats_open_until__gt=clock.now())
                | Q(seats_total__gte=F("seats_used") + given)
            )
            changed = License.objects.filter(room, pk=held.pk).update(
                seats_used=F("seats_used") + given
            )
            if not changed:
                now = License.objects.get(pk=held.pk)
                raise SeatsFull(used=now.seats_used, total=now.seats_total or 0, wanted=given)
    return given


def release(tenant: TenantInfo, members: Iterable[UUID]) -> int:
    """Free the seats of ``members`` on every licence of the tenant; return how many were freed."""
    freed = 0
    with transaction.atomic(), services.tenancy().public_write("seats"):
        for held in License.objects.filter(tenant_id=tenant.pk, seats_used__gt=0).order_by("pk"):
            gone, _rows = SeatAssignment.objects.filter(
                license=held, member__in=list(members)
            ).delete()
            if gone:
                License.objects.filter(pk=held.pk).update(seats_used=F("seats_used") - gone)
                License.objects.filter(
                    pk=held.pk, is_over_limit=True, seats_total__gte=F("seats_used")
                ).update(is_over_limit=False, over_limit_since=None)
                freed += gone
    return freed


def flag(held: License) -> None:
    """Say on a licence whether more seats are taken than it has, and since when."""
    limit = limit_of(held)
    is_over = limit is not None and held.seats_used > limit
    if is_over == held.is_over_limit:
        return
    held.is_over_limit = is_over
    held.over_limit_since = clock.now() if is_over else None
    # The next occasion is announced again.
    held.noticed = [key for key in held.noticed if key != "licensing.over_limit"]
    held.save(update_fields=["is_over_limit", "over_limit_since", "noticed"])


def is_seated(licence: UUID, member: UUID) -> bool:
    """Tell whether a person holds a seat of this licence (one query)."""
    return SeatAssignment.objects.filter(license=licence, member=member).exists()


def unseat(held: License, member: UUID) -> bool:
    """Free the seat of one person on this licence; return whether she had one."""
    with transaction.atomic(), services.tenancy().public_write("seats"):
        gone, _rows = SeatAssignment.objects.filter(license=held, member=member).delete()
        if gone:
            License.objects.filter(pk=held.pk).update(seats_used=F("seats_used") - gone)
    return bool(gone)


def fill(tenant: TenantInfo, held: License) -> int:
    """Give their seats to the people who were there before the first plan; return how many.

    More people than seats only flags the licence.
    """
    with use(tenant), transaction.atomic(), services.tenancy().public_write("seats"):
        seated, invited = people.who_takes_one()
        given = 0
        with connection.cursor() as cursor:
            for found, state in ((seated, "active"), (invited, "invited")):
                if found:
                    cursor.execute(_ADD, [held.pk, state, clock.now(), sorted(found)])
                    given += len(cursor.fetchall())
        if given:
            held.seats_used = given
            held.save(update_fields=["seats_used"])
            flag(held)
    return given


def set_total(held: License, total: int | None) -> None:
    """Change how many seats a licence has; fewer than used only flags it as over its limit.

    Nobody loses access here: the administrator chooses whom to remove. The caller rebuilds.
    """
    with transaction.atomic(), services.tenancy().public_write("seats"):
        row = License.objects.select_for_update().get(pk=held.pk)
        row.seats_total = total
        row.save(update_fields=["seats_total", "updated_at"])
        flag(row)


def recount(tenant: TenantInfo) -> list[str]:
    """Return, in words, the licences whose counter differs from their rows, and mend them."""
    found = []
    with transaction.atomic(), services.tenancy().public_write("seats"):
        for held in License.objects.select_for_update().filter(tenant_id=tenant.pk):
            real = held.seats.count()
            if real != held.seats_used:
                found.append(f"licence {held.pk}: counter {held.seats_used}, seats {real}")
                held.seats_used = real
                held.save(update_fields=["seats_used", "updated_at"])
    return found
