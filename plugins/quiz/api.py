"""HTTP API of the quiz module, mounted at ``/api/v1/quiz/``."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema

from plugins.quiz import selectors
from plugins.quiz.models import Attempt, Quiz
from tremplin.api import Problem, operation

router = Router(tags=["quiz"])
MAX_LIMIT = 100


class QuizOut(Schema):
    id: UUID
    title: str
    state: str
    minutes: int | None
    attempts_allowed: int | None
    pass_percent: Decimal | None
    opens_at: datetime | None
    closes_at: datetime | None


class AttemptOut(Schema):
    id: UUID
    quiz_id: UUID
    person_id: UUID | None
    number: int
    state: str
    started_at: datetime
    submitted_at: datetime | None
    score: Decimal | None
    max_score: Decimal
    percent: Decimal | None
    passed: bool | None
    skills: dict[str, Any]

    @staticmethod
    def resolve_person_id(row: Attempt) -> UUID | None:
        """Return who took it; blank after an erasure."""
        return row.person


class QuizPage(Schema):
    items: list[QuizOut]
    next_cursor: str | None


class AttemptPage(Schema):
    items: list[AttemptOut]
    next_cursor: str | None


class Cursor(Schema):
    """Where to go on: ``cursor`` is the ``next_cursor`` of the page before, ``limit`` at most 100."""

    cursor: UUID | None = None
    limit: int = 50


def _page(rows: QuerySet[Any], wanted: Cursor) -> dict[str, Any]:
    limit = min(max(wanted.limit, 1), MAX_LIMIT)
    rows = rows.order_by("id")
    if wanted.cursor is not None:
        rows = rows.filter(id__gt=wanted.cursor)
    found = list(rows[: limit + 1])
    following = str(found[limit - 1].pk) if len(found) > limit else None
    return {"items": found[:limit], "next_cursor": following}


@router.get("/quizzes", response=QuizPage, operation_id="quiz_list_quizzes")
@operation(permission="quiz.take")
def list_quizzes(request: HttpRequest, wanted: Query[Cursor]) -> dict[str, Any]:
    """List the quizzes the caller may see: all of them with ``quiz.results``, else her own."""
    rows = Quiz.objects.all()
    if not request.ctx.can("quiz.results"):
        rows = rows.filter(pk__in=[card.quiz.pk for card in selectors.my_quizzes(request.ctx)])
    return _page(rows, wanted)


@router.get("/attempts", response=AttemptPage, operation_id="quiz_list_my_attempts")
@operation(permission="quiz.take")
def list_my_attempts(request: HttpRequest, wanted: Query[Cursor]) -> dict[str, Any]:
    """List the caller's own attempts."""
    return _page(Attempt.objects.filter(person=request.ctx.person.id), wanted)


@router.get("/attempts/{attempt}", response=AttemptOut, operation_id="quiz_get_attempt")
@operation(permission="quiz.take")
def get_attempt(request: HttpRequest, attempt: UUID) -> Attempt:
    """Return one attempt: the caller's own, or anybody's with ``quiz.results``."""
    found = Attempt.objects.filter(pk=attempt).first()
    if found is None or (
        found.person != request.ctx.person.id and not request.ctx.can("quiz.results")
    ):
        raise Problem(404, "attempt_not_found", "There is no such attempt here.")
    return found


@router.get("/quizzes/{quiz}/results", response=AttemptPage, operation_id="quiz_list_results")
@operation(permission="quiz.results")
def list_results(request: HttpRequest, quiz: UUID, wanted: Query[Cursor]) -> dict[str, Any]:
    """List the closed attempts at one quiz."""
    if not Quiz.objects.filter(pk=quiz).exists():
        raise Problem(404, "quiz_not_found", "There is no such quiz here.")
    closed = Attempt.objects.filter(quiz=quiz).exclude(state=Attempt.State.IN_PROGRESS)
    return _page(closed, wanted)
