"""The ``people`` service of the plugin contract: values in, values out, counted queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db.models import QuerySet

from tremplin.api.context import PersonRef
from tremplin.api.services import CohortRef
from tremplin.identity import selectors
from tremplin.identity.backends import RoleBackend
from tremplin.identity.models import Cohort, CohortMembership, User

MAX_SEARCH = 100


def load_person(person: UUID) -> tuple[PersonRef, Callable[[], frozenset[str]]] | None:
    """Return a person and how to read her rights, for the context of background work."""
    user = selectors.person(person)
    if user is None or not user.is_active:
        return None
    rows: Any = user
    return person_ref(user, rows.granted), lambda: frozenset(
        RoleBackend().get_all_permissions(user)
    )


def person_ref(person: User, roles: Iterable[str] | None = None) -> PersonRef:
    """Return ``person`` as the value that plugins receive."""
    codes = person.role_codes() if roles is None else frozenset(roles)
    return PersonRef(person.pk, person.display_name, person.email, person.locale, codes)


def _refs(queryset: QuerySet[User]) -> list[PersonRef]:
    rows: Any = selectors.with_roles(queryset)
    return [person_ref(row, row.granted) for row in rows]


class PeopleService:
    """Persons and cohorts of the current space. Removed accounts are never returned."""

    def get(self, person: UUID) -> PersonRef | None:
        """Return one person, suspended ones included (1 query)."""
        found = _refs(User.objects.present().filter(pk=person))
        return found[0] if found else None

    def many(self, persons: Iterable[UUID]) -> dict[UUID, PersonRef]:
        """Return the known persons among ``persons`` (1 query, 0 when there is none)."""
        wanted = list(set(persons))
        if not wanted:
            return {}
        return {ref.id: ref for ref in _refs(User.objects.present().filter(pk__in=wanted))}

    def search(self, text: str, *, role: str = "", limit: int = 20) -> list[PersonRef]:
        """Return active people whose name or e-mail holds every word, accents ignored (1 query)."""
        found = selectors.people(selectors.PeopleFilter(text=text)).filter(is_active=True)
        if role:
            holders = User.groups.through.objects.filter(group__name=role).values("user_id")
            found = found.filter(pk__in=holders)
        return _refs(found[: max(0, min(limit, MAX_SEARCH))])

    def with_role(self, role: str) -> list[PersonRef]:
        """Return the active holders of ``role`` (1 query)."""
        holders = User.groups.through.objects.filter(group__name=role).values("user_id")
        return _refs(
            User.objects.present()
            .filter(is_active=True, pk__in=holders)
            .order_by("last_name", "first_name", "id")
        )

    def with_permission(self, permission: str) -> list[PersonRef]:
        """Return the active people whose roles hold ``<slug>.<code>`` (1 query)."""
        label, _, code = permission.partition(".")
        granting = Permission.objects.filter(content_type__app_label=label, codename=code)
        holders = User.groups.through.objects.filter(group__permissions__in=granting).values(
            "user_id"
        )
        return _refs(
            User.objects.present()
            .filter(is_active=True, pk__in=holders)
            .order_by("last_name", "first_name", "id")
        )

    def cohorts(self) -> list[CohortRef]:
        """Return every cohort by name (1 query)."""
        rows: Any = selectors.cohorts()
        return [CohortRef(row.pk, row.name, row.slug, row.size) for row in rows]

    def cohort(self, cohort: UUID) -> CohortRef | None:
        """Return one cohort (1 query)."""
        row: Any = selectors.cohorts().filter(pk=cohort).first()
        return None if row is None else CohortRef(row.pk, row.name, row.slug, row.size)

    def cohort_members(self, cohort: UUID) -> list[UUID]:
        """Return the active members of a cohort, by name (1 query)."""
        rows = CohortMembership.objects.filter(
            cohort_id=cohort, person__is_active=True, person__removed_at=None
        ).order_by("person__last_name", "person__first_name", "person_id")
        return list(rows.values_list("person_id", flat=True))

    def cohorts_of(self, person: UUID) -> list[UUID]:
        """Return the cohorts of a person, by name (1 query)."""
        return list(
            Cohort.objects.filter(memberships__person_id=person).values_list("id", flat=True)
        )
