"""Reads of the module."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from tremplin.api import PersonRef, services
from tremplin_sample_module.models import Item


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one person is; ``share`` is a whole percentage."""

    person: PersonRef
    done: int
    total: int

    @property
    def share(self) -> int:
        return round(100 * self.done / self.total) if self.total else 0


def items_of(person: UUID) -> QuerySet[Item]:
    """Return the items of a person, oldest first."""
    return Item.objects.filter(person_id=person)


def count_open(person: UUID) -> int:
    """Return how many items a person has not finished."""
    return items_of(person).filter(done_at=None).count()


def everybody() -> list[Progress]:
    """Return the progress of everybody who has a list, by name, in three queries."""
    rows = {
        row["person_id"]: (row["done"], row["total"])
        for row in Item.objects.order_by("person_id")
        .values("person_id")
        .annotate(done=Count("id", filter=Q(done_at__isnull=False)), total=Count("id"))
    }
    people = services.people().many(rows)
    found = [Progress(person, *rows[key]) for key, person in people.items()]
    return sorted(found, key=lambda row: (row.person.display_name.lower(), str(row.person.id)))
