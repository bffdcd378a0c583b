"""More people than places after a smaller plan: a choice first, then the last ones lose access."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from tenants.registry import TenantInfo
from tremplin.api import services as platform
from tremplin.identity import services as accounts
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import User
from tremplin.kernel import audit, clock
from tremplin.licensing import notices, seats
from tremplin.licensing.models import License, SeatAssignment

# From the day on which the plan has too few places; nothing is ever deleted.
DAYS_TO_CHOOSE = 14
REASON = "places"  # stands in ``suspended_reason`` of the accounts that the plan closed
ANNOUNCED = "licensing.over_limit"


def closes_at(held: License) -> datetime | None:
    """Return when the last people lose access, None when the licence is not over its limit."""
    if not held.is_over_limit or held.over_limit_since is None:
        return None
    return held.over_limit_since + timedelta(days=DAYS_TO_CHOOSE)


def losing(held: License) -> list[UUID]:
    """Return who would lose access: those who came last, as many as there are too many."""
    extra = held.seats_used - (held.seats_total or 0) if held.is_over_limit else 0
    if extra <= 0:
        return []
    rows = SeatAssignment.objects.filter(license=held).order_by("-assigned_at", "-id")
    return list(rows.values_list("member", flat=True)[:extra])


def announce(tenant: TenantInfo, held: License) -> None:
    """Send the list of the accounts that close to the administrators, once per occasion."""
    when = closes_at(held)
    if when is None or ANNOUNCED in held.noticed:
        return
    members = losing(held)
    people = platform.people().many(members)
    names = [people[pk].display_name for pk in members if pk in people]
    with transaction.atomic(), platform.tenancy().public_write("notices"):
        held.noticed = [*held.noticed, ANNOUNCED]
        held.save(update_fields=["noticed"])
        notices.over_limit(names, len(members), when, tenant)


def close_the_last(tenant: TenantInfo) -> list[UUID]:
    """Announce, or past the date suspend, the people for whom the plan has no place.

    Owners and last administrators are never closed. Returns who was suspended.
    """
    held = seats.seat_license(tenant)
    if held is not None and held.ended_at is None:
        with transaction.atomic(), platform.tenancy().public_write("seats"):
            # A welcome that is over counts from now on.
            seats.flag(held)
    when = closes_at(held) if held is not None else None
    if held is None or when is None:
        return []
    if clock.now() < when:
        announce(tenant, held)
        return []
    closed = []
    with transaction.atomic():
        for person in User.objects.select_for_update().filter(pk__in=losing(held)).order_by("pk"):
            try:
                with transaction.atomic():
                    accounts.suspend(person, REASON)
            except IdentityError:
                continue
            closed.append(person.pk)
        if closed:
            audit.record(
                "licence.over_limit_closed",
                target=f"licence:{held.pk}",
                data={"people": [str(pk) for pk in closed]},
            )
    return closed
