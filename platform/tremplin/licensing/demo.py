"""What people of the demo world have used of their plan."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from tremplin.identity.models import User
from tremplin.kernel import clock
from tremplin.licensing import consumption

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

NAMESPACE = UUID("0a6d3e07-5a4b-4c55-9f0c-6c8f3f5a2d61")
SESSIONS = "interview.sessions"
# How the file says that somebody has used up her interviews of the month.
USED = re.compile(r"quota used (?P<used>\d+)/\d+")


def seed(tenant: TenantInfo, world: dict[str, Any], key: str) -> None:
    """Count the interviews that the notes of the file speak of, spread over the month so far."""
    space = next((item for item in world["tenants"] if item["key"] == key), None)
    if space is None:
        return
    now = datetime.fromisoformat(world["meta"]["frozen_now"])
    for entry in space["users"]:
        found = USED.search(entry.get("notes", ""))
        person = User.objects.filter(email=entry["email"]).first() if found else None
        if found is not None and person is not None:
            _use(tenant, person, int(found["used"]), now)


def _use(tenant: TenantInfo, person: User, units: int, now: datetime) -> None:
    """Count ``units`` interviews of one person from the first of the month to the day before."""
    first = now.replace(day=1, hour=10)
    step = (now - first) / units
    for number in range(units):
        idem = uuid5(NAMESPACE, f"{tenant.slug}|{person.email}|{number}")
        with clock.frozen_at(first + number * step + timedelta(minutes=number)):
            consumption.consume(
                tenant, SESSIONS, person=person.pk, idem=idem, ref=f"demo:{number + 1}"
            )
