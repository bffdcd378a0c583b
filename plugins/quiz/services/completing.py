"""The end of an attempt: totals, skills, and the one event that says so."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from plugins.quiz.events import AttemptCompleted, AttemptRemarked
from plugins.quiz.internal import marking
from plugins.quiz.models import Answer, Attempt
from tremplin.api import TenantContext, publish


def skill_totals(answers: Iterable[Answer]) -> dict[str, dict[str, Any]]:
    """Return points and maximum per skill slug, as decimal strings, for scored questions."""
    totals: dict[str, list[Any]] = {}
    for answer in answers:
        if not answer.version.scored:
            continue
        for skill in answer.version.skills:
            row = totals.setdefault(skill, [Decimal(0), Decimal(0), 0])
            row[0] += answer.score or Decimal(0)
            row[1] += answer.points
            row[2] += 1
    return {
        skill: {"score": str(score), "max": str(maximum), "questions": count}
        for skill, (score, maximum, count) in sorted(totals.items())
    }


def _total(attempt: Attempt, answers: list[Answer]) -> None:
    attempt.score = sum((answer.score or Decimal(0) for answer in answers), Decimal(0))
    attempt.percent = marking.percent(attempt.score, attempt.max_score)
    needed = attempt.quiz.pass_percent
    attempt.passed = None if needed is None else attempt.percent >= needed
    attempt.skills = skill_totals(answers)


def completed_event(attempt: Attempt) -> AttemptCompleted:
    """Return the fact that ``attempt`` is completed."""
    assert attempt.submitted_at is not None
    assert attempt.person is not None
    return AttemptCompleted(
        attempt_id=attempt.pk,
        quiz_id=attempt.quiz_id,
        person_id=attempt.person,
        number=attempt.number,
        score=str(attempt.score),
        max_score=str(attempt.max_score),
        percent=str(attempt.percent),
        passed=attempt.passed,
        started_at=attempt.started_at,
        submitted_at=attempt.submitted_at,
        submitted_by=attempt.submitted_by,
        skills={
            skill: str(marking.share(100 * Decimal(row["score"]) / Decimal(row["max"])))
            for skill, row in attempt.skills.items()
            if Decimal(row["max"])
        },
    )


def complete(ctx: TenantContext, attempt: Attempt, answers: list[Answer]) -> None:
    """Store the totals of a fully marked attempt and publish its one completion event.

    The caller holds the attempt's lock and has checked that it was not completed yet. An attempt
    whose person was erased meanwhile is completed without an event: there is nobody to tell about.
    """
    _total(attempt, answers)
    attempt.state = Attempt.State.COMPLETED
    attempt.completed_at = ctx.now()
    attempt.save()
    if attempt.person is not None:
        publish(completed_event(attempt), aggregate=f"quiz.attempt:{attempt.pk}")


def recompute(ctx: TenantContext, attempt: Attempt, answers: list[Answer]) -> None:
    """Store the totals of a completed attempt after a mark changed, and say so."""
    former = attempt.percent
    _total(attempt, answers)
    attempt.save()
    assert ctx.person is not None  # noqa: S101  only people mark
    publish(
        AttemptRemarked(
            attempt_id=attempt.pk,
            quiz_id=attempt.quiz_id,
            person_id=attempt.person,
            marked_by=ctx.person.id,
            former_percent=str(former),
            percent=str(attempt.percent),
            passed=attempt.passed,
        ),
        aggregate=f"quiz.attempt:{attempt.pk}",
    )
