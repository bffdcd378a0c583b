"""What the module keeps about people, and how it gives it back or forgets it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tremplin.api import ExportFile, Processing, TenantContext, Text
from tremplin_sample_module.models import Item

RETENTION_DAYS = 2 * 365


class ItemPersonalData:
    """The list of each person."""

    def describe(self) -> Iterable[Processing]:
        """Return the line of the processing register."""
        return [
            Processing(
                key="sample_module.items",
                label=Text(en="Personal lists", fr="Listes personnelles"),
                purpose=Text(
                    en="Let people plan what they want to do and show staff how far they are.",
                    fr="Permettre à chacun de planifier et à l’équipe de suivre l’avancement.",
                ),
                retention_days=RETENTION_DAYS,
            )
        ]

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        """Yield the items of one person."""
        del ctx
        rows = Item.objects.filter(person_id=person)
        yield ExportFile(
            "sample_module/items.json",
            data=[
                {
                    "title": row.title,
                    "created_at": row.created_at.isoformat(),
                    "done_at": row.done_at and row.done_at.isoformat(),
                }
                for row in rows
            ],
        )

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        """Delete the items of one person and return how many there were."""
        del ctx
        return Item.objects.filter(person_id=person).delete()[0]

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        """Delete the items finished before a date and return how many there were."""
        del ctx
        return Item.objects.filter(done_at__lt=before).delete()[0]
