"""Places of the space's plan: who takes one and when, for whoever sells them to fill the port.

Identity lies below licensing: it says which people take a place and when they leave it, the port
counts. Everything joins the caller's transaction, so that nobody is created without her place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.utils import timezone

from tremplin.identity.models import Invitation, User


@dataclass(frozen=True, slots=True)
class Places:
    """Places of the plan; ``total`` None means that nobody is counted out."""

    used: int
    total: int | None

    @property
    def free(self) -> int | None:
        """Return how many more people may come, None without a limit."""
        return None if self.total is None else max(0, self.total - self.used)


class SeatPort(Protocol):
    """What counts the places of the current space."""

    def is_counted(self) -> bool:
        """Tell, without a query, whether this space may have a plan at all."""
        ...

    def places(self, *, lock: bool) -> Places:
        """Return the places; with ``lock`` nobody else takes one before the transaction ends."""
        ...

    def require(self, number: int) -> None:
        """Refuse when fewer than ``number`` places are left, and lock them. Raises ``NoPlace``."""
        ...

    def take(self, people: Collection[UUID], *, invited: bool) -> None:
        """Give a place to each who has none, to all or to nobody. Raises ``NoPlace``."""
        ...

    def release(self, people: Collection[UUID]) -> None:
        """Free the places of these people."""
        ...


_port: SeatPort | None = None
UNLIMITED = Places(0, None)


def register(port: SeatPort) -> None:
    """Say who counts the places; call it in ``AppConfig.ready()``."""
    global _port
    _port = port


def _active_port() -> SeatPort | None:
    return _port if _port is not None and _port.is_counted() else None


def counts(codes: Iterable[str]) -> bool:
    """Tell whether somebody with these roles takes a place in the current space."""
    from tremplin.identity.roles import seat_roles

    return _active_port() is not None and not seat_roles().isdisjoint(codes)


def places(*, lock: bool = False) -> Places:
    """Return the places of the current space."""
    port = _active_port()
    return UNLIMITED if port is None else port.places(lock=lock)


def take(people: Collection[UUID], *, invited: bool = False) -> None:
    """Give a place to each of ``people``: all of them or nobody. Raises ``NoPlace``."""
    port = _active_port()
    if port is not None and people:
        port.take(people, invited=invited)


def require(number: int, codes: Iterable[str]) -> None:
    """Refuse ``number`` newcomers with these roles when there is not a place for each.

    The places stay as they are until the transaction ends. Raises ``NoPlace``.
    """
    port = _active_port()
    if port is not None and number and counts(codes):
        port.require(number)


def release(people: Collection[UUID]) -> None:
    """Free the places of ``people``; those who have none are ignored."""
    port = _active_port()
    if port is not None and people:
        port.release(people)


def follow(people: Collection[UUID]) -> None:
    """Give and free places so that ``people`` have theirs exactly as their accounts say.

    Call it at the end of a change of roles or state. Raises ``NoPlace``: the caller's transaction
    then undoes the change.
    """
    port = _active_port()
    if port is None or not people:
        return
    seated, invited = who_takes_one(people)
    leaving = set(people) - seated - invited
    if leaving:
        port.release(leaving)
    if seated:
        port.take(seated, invited=False)
    if invited:
        port.take(invited, invited=True)


def who_takes_one(people: Collection[UUID] | None = None) -> tuple[set[UUID], set[UUID]]:
    """Return who takes a place as a member and who as an invited person (3 queries).

    Suspended, expired and removed accounts take none, nor does somebody whose invitation is over.
    Without ``people`` the whole space is looked at.
    """
    from tremplin.identity.roles import seat_roles

    found = User.objects.present().filter(is_active=True, groups__name__in=seat_roles())
    invitations = Invitation.objects.filter(accepted_at=None)
    if people is not None:
        found = found.filter(pk__in=people)
        invitations = invitations.filter(person_id__in=people)
    waiting: dict[UUID, bool] = {}
    now = timezone.now()
    for person, revoked, expires in invitations.values_list(
        "person_id", "revoked_at", "expires_at"
    ):
        is_open = revoked is None and expires > now
        waiting[person] = waiting.get(person, False) or is_open
    seated, invited = set(), set()
    for pk, password in found.values_list("pk", "password").distinct():
        if not password.startswith("!") or pk not in waiting:
            seated.add(pk)
        elif waiting[pk]:
            invited.add(pk)
    return seated, invited
