"""Reads about people and cohorts of the current space."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from tremplin.identity.models import Cohort, CohortMembership, Invitation, User
from tremplin.identity.normalise import fold

STATUSES = ("active", "invited", "suspended", "expired")


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """What the list of people shows; empty values do not filter."""

    text: str = ""
    role: str = ""
    cohort: str = ""
    status: str = ""


def with_roles(queryset: QuerySet[User]) -> QuerySet[User]:
    """Add ``granted``, the sorted codes of the roles, without one query per person."""
    return queryset.annotate(
        granted=ArrayAgg(
            "groups__name",
            filter=Q(groups__isnull=False),
            default=[],
            distinct=True,
            order_by="groups__name",
        )
    )


def _match(text: str) -> Q:
    condition = Q()
    for word in fold(text).split()[:8]:
        condition &= Q(search_text__contains=word)
    return condition


def _status(status: str) -> Q:
    now = timezone.now()
    running = Q(expires_at=None) | Q(expires_at__gt=now)
    # Whoever signs in through a provider has no password, and is no longer waited for.
    waiting = Q(password__startswith=UNUSABLE_PASSWORD_PREFIX, last_login=None)
    conditions = {
        "active": Q(is_active=True) & running & ~waiting,
        "invited": Q(is_active=True) & running & waiting,
        "suspended": Q(is_active=False) & running,
        "expired": Q(expires_at__lte=now),
    }
    return conditions.get(status, Q())


def people(wanted: PeopleFilter) -> QuerySet[User]:
    """Return the people that match, ordered by name, without role annotation."""
    found = User.objects.present().filter(_match(wanted.text), _status(wanted.status))
    # Sub-queries, not joins: a join on groups would hide the other roles from ``with_roles``.
    if wanted.role:
        holders = User.groups.through.objects.filter(group__name=wanted.role).values("user_id")
        found = found.filter(pk__in=holders)
    if wanted.cohort:
        members = CohortMembership.objects.filter(cohort__slug=wanted.cohort).values("person_id")
        found = found.filter(pk__in=members)
    return found.order_by("last_name", "first_name", "email", "id")


def status_of(person: User) -> str:
    """Return the one of ``STATUSES`` that describes the account."""
    if person.is_expired():
        return "expired"
    if not person.is_active:
        return "suspended"
    is_waited_for = not person.has_usable_password() and person.last_login is None
    return "invited" if is_waited_for else "active"


def person(pk: UUID) -> User | None:
    """Return one present person with her roles."""
    return with_roles(User.objects.present().filter(pk=pk)).first()


def pilots() -> QuerySet[User]:
    """Return the accounts with an end date, those that end first on top."""
    return (
        User.objects.present()
        .filter(expires_at__isnull=False)
        .order_by("expires_at", "email", "id")
    )


def last_day(person: User) -> date | None:
    """Return the last whole day of a temporary account, in the current time zone."""
    if person.expires_at is None:
        return None
    return timezone.localdate(person.expires_at - timedelta(microseconds=1))


def activity_of(people_ids: list[UUID]) -> dict[UUID, tuple[int, datetime | None]]:
    """Return how many sessions each person has open and when one was last used (1 query)."""
    rows = (
        UserSession.objects.filter(user_id__in=people_ids)
        .order_by()
        .values_list("user_id")
        .annotate(sessions=Count("id"), seen=Max("last_seen_at"))
    )
    return {person: (sessions, seen) for person, sessions, seen in rows}


def cohorts() -> QuerySet[Cohort]:
    """Return the cohorts with ``size``, the number of their active members."""
    active = Q(members__is_active=True, members__removed_at=None)
    return Cohort.objects.annotate(size=Count("members", filter=active)).order_by("name")


def cohorts_by_person(people_ids: list[UUID]) -> dict[UUID, list[Cohort]]:
    """Return the cohorts of several people in one query."""
    found: dict[UUID, list[Cohort]] = {pk: [] for pk in people_ids}
    rows = CohortMembership.objects.filter(person_id__in=people_ids)
    for row in rows.select_related("cohort").order_by("cohort__name"):
        found[row.person_id].append(row.cohort)
    return found


def pending_invitation(person_id: UUID) -> Invitation | None:
    """Return the person's latest open invitation."""
    return (
        Invitation.objects.filter(
            person_id=person_id, accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()
        )
        .order_by("-created_at")
        .first()
    )


def seats_used() -> int:
    """Return how many active people hold a role that counts as a seat."""
    from tremplin.identity.roles import seat_roles

    holds = User.groups.through.objects.filter(user_id=OuterRef("pk"), group__name__in=seat_roles())
    return User.objects.present().filter(Exists(holds), is_active=True).count()


def count_active() -> int:
    """Return how many people may sign in."""
    return User.objects.present().filter(is_active=True).count()


def count_with_role(code: str) -> int:
    """Return how many active people hold the role."""
    return User.objects.present().filter(is_active=True, groups__name=code).count()


def count_by_role() -> dict[str, int]:
    """Return how many active people hold each role that someone holds (1 query)."""
    rows = (
        User.objects.present()
        .filter(is_active=True, groups__isnull=False)
        .order_by()
        .values_list("groups__name")
        .annotate(people=Count("id"))
    )
    return dict(rows)
