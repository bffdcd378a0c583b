"""Reads of the module: the level of each skill, from the evidence of every module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tremplin.api import Evidence, services
from tremplin_skill_radar.models import Target

LATEST = 5


@dataclass(frozen=True, slots=True)
class Level:
    """One skill of one person. ``percent`` and ``target`` run from 0 to 100."""

    skill: str
    percent: int
    proofs: int
    latest: datetime | None
    target: int | None

    @property
    def label(self) -> str:
        """The skill as people read it."""
        return self.skill.replace("-", " ").replace("_", " ").capitalize()

    @property
    def reached(self) -> bool:
        return self.target is not None and self.percent >= self.target


def levels_of(person: UUID) -> list[Level]:
    """Return the skills of a person by name, those with a target and no evidence included."""
    found: dict[str, list[Evidence]] = {}
    for evidence in services.profiles().evidence(person):
        found.setdefault(evidence.skill, []).append(evidence)
    targets = dict(Target.objects.filter(person_id=person).values_list("skill", "level"))
    rows = [_level(skill, found.get(skill, []), targets.get(skill)) for skill in {*found, *targets}]
    return sorted(rows, key=lambda row: row.skill)


def _level(skill: str, evidence: list[Evidence], target: int | None) -> Level:
    """Average the latest five proofs: a skill is what was shown lately, not years ago."""
    latest = sorted(evidence, key=lambda item: item.occurred_at, reverse=True)[:LATEST]
    percent = round(100 * sum(item.strength for item in latest) / len(latest)) if latest else 0
    return Level(skill, percent, len(evidence), latest[0].occurred_at if latest else None, target)
