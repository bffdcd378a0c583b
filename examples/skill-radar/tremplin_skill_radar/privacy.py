"""What the module keeps about people, and how it gives it back or forgets it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tremplin.api import ExportFile, Processing, TenantContext, Text
from tremplin_skill_radar.models import Target

RETENTION_DAYS = 2 * 365


class TargetPersonalData:
    """The targets of each person; levels are computed from other modules and kept nowhere."""

    def describe(self) -> Iterable[Processing]:
        """Return the line of the processing register."""
        return [
            Processing(
                key="skill_radar.targets",
                label=Text(en="Skill targets", fr="Objectifs de compétences"),
                purpose=Text(
                    en="Let people see how far they are from what they want to reach.",
                    fr="Permettre à chacun de voir la distance à ce qu’il veut atteindre.",
                ),
                retention_days=RETENTION_DAYS,
            )
        ]

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        """Yield the targets of one person."""
        del ctx
        rows = Target.objects.filter(person_id=person).order_by("skill")
        yield ExportFile(
            "skill_radar/targets.json",
            data=[
                {"skill": row.skill, "level": row.level, "set_at": row.set_at.isoformat()}
                for row in rows
            ],
        )

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        """Delete the targets of one person and return how many there were."""
        del ctx
        return Target.objects.filter(person_id=person).delete()[0]

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        """Delete the targets set before a date and return how many there were."""
        del ctx
        return Target.objects.filter(set_at__lt=before).delete()[0]
