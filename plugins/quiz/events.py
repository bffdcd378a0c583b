"""Facts that the quiz module publishes through the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from tremplin.api import Event


class AttemptCompleted(Event):
    """A learner's attempt is submitted and fully marked; published once per attempt.

    ``score``, ``max_score`` and ``percent`` are decimal strings (no binary rounding); ``skills``
    gives the share of points obtained per skill slug, from ``0`` to ``1``.
    """

    event_name: ClassVar[str] = "tremplin.quiz.attempt_completed.v1"

    attempt_id: UUID
    quiz_id: UUID
    person_id: UUID
    number: int
    score: str
    max_score: str
    percent: str
    passed: bool | None = None
    started_at: datetime
    submitted_at: datetime
    submitted_by: str
    skills: dict[str, str] = {}


class AttemptRemarked(Event):
    """A person changed a mark of a completed attempt; earlier results no longer hold."""

    event_name: ClassVar[str] = "tremplin.quiz.attempt_remarked.v1"

    attempt_id: UUID
    quiz_id: UUID
    person_id: UUID | None = None
    marked_by: UUID
    former_percent: str
    percent: str
    passed: bool | None = None
