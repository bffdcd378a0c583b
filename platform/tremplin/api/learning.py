"""Facts about learning that modules share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from tremplin.api.events import Event


@dataclass(frozen=True, slots=True)
class Evidence:
    """A dated proof that a person holds a skill.

    ``skill`` is the skill's slug, ``strength`` runs from 0 (failed) to 1 (fully shown), ``source``
    is the slug of the module and ``label`` names what was done (a quiz title, a badge name).
    """

    skill: str
    source: str
    label: str
    strength: float
    occurred_at: datetime
    url: str = ""


class ContentAssigned(Event):
    """Content of a module was assigned to people or cohorts."""

    event_name: ClassVar[str] = "tremplin.learning.content_assigned.v1"

    module_slug: str
    content_id: UUID
    assigned_by: UUID | None = None
    people: int = 0
    cohorts: int = 0
