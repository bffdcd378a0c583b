"""Who of the last thirty days a list would lock out, by address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from allauth.usersessions.models import UserSession

from tremplin.identity.models import User
from tremplin.identity.network.allow_list import Rules
from tremplin.kernel import addresses
from tremplin.kernel.models import AuditEvent

PERIOD = timedelta(days=30)
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Refused:
    """One address that the list excludes, and who came from it."""

    address: str
    people: tuple[tuple[UUID, str], ...]
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class DryRun:
    """What would happen: people with no other address are locked out, the others partly."""

    people_seen: int
    addresses_seen: int
    locked_out: int
    partly: int
    refused: tuple[Refused, ...]
    more: int


def _staff() -> set[UUID]:
    """Return who may open the console."""
    found = User.objects.present().filter(
        groups__permissions__codename="console",
        groups__permissions__content_type__app_label="portal",
    )
    return set(found.values_list("pk", flat=True))


def _visits(since: datetime) -> Iterator[tuple[UUID, str, datetime]]:
    """Yield (person, address, moment) of the open sessions and of every sign-in since then."""
    yield from UserSession.objects.filter(last_seen_at__gte=since).values_list(
        "user_id", "ip", "last_seen_at"
    )
    signed_in = AuditEvent.objects.filter(kind="security.login", at__gte=since)
    for person, address, moment in signed_in.values_list("actor", "address", "at").iterator(
        chunk_size=2000
    ):
        if person is not None:
            yield person, address, moment


def dry_run(rules: Rules, now: datetime) -> DryRun:
    """Return who of the thirty days before ``now`` the list would lock out of what it bounds."""
    concerned = _staff() if rules.apply_to == "console" else None
    by_address: dict[str, dict[UUID, datetime]] = {}
    for person, address, moment in _visits(now - PERIOD):
        if not address or (concerned is not None and person not in concerned):
            continue
        seen = by_address.setdefault(_canonical(address), {})
        seen[person] = max(moment, seen.get(person, moment))
    allowed = {address for address in by_address if rules.allow(address)}
    inside = {person for address in allowed for person in by_address[address]}
    outside = {
        person for address in by_address if address not in allowed for person in by_address[address]
    }
    rows = sorted(
        ((address, people) for address, people in by_address.items() if address not in allowed),
        key=lambda row: (-len(row[1]), row[0]),
    )
    shown = {person for _address, people in rows[:SHOWN] for person in people}
    names = {
        person.pk: person.display_name for person in User.objects.present().filter(pk__in=shown)
    }
    return DryRun(
        people_seen=len(inside | outside),
        addresses_seen=len(by_address),
        locked_out=len(outside - inside),
        partly=len(outside & inside),
        refused=tuple(
            Refused(
                address,
                tuple(
                    sorted(
                        ((pk, names[pk]) for pk in people if pk in names),
                        key=lambda item: (item[1], str(item[0])),
                    )
                ),
                max(people.values()),
            )
            for address, people in rows[:SHOWN]
        ),
        more=max(0, len(rows) - SHOWN),
    )


def _canonical(address: str) -> str:
    try:
        return str(addresses.parse(address))
    except ValueError:
        return address
