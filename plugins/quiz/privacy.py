"""What the quiz module keeps about people, and how it gives it back or forgets it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from plugins.quiz.models import (
    Answer,
    Assignment,
    Attempt,
    ImportBatch,
    Mark,
    Question,
    QuestionVersion,
    Quiz,
)
from tremplin.api import ExportFile, Processing, TenantContext, Text

RETENTION_DAYS = 3 * 365


class QuizPersonalData:
    """Attempts and assignments of a person; authorship of questions, quizzes and marks."""

    def describe(self) -> Iterable[Processing]:
        return [
            Processing(
                key="quiz.attempts",
                label=Text(en="Quiz attempts and answers", fr="Tentatives et réponses aux quiz"),
                purpose=Text(
                    en="Give results and feedback, follow progress, improve questions.",
                    fr="Donner résultats et corrections, suivre la progression, améliorer les questions.",
                ),
                retention_days=RETENTION_DAYS,
            ),
            Processing(
                key="quiz.assignments",
                label=Text(en="Quizzes assigned to a person", fr="Quiz attribués à une personne"),
                purpose=Text(en="Organise the training.", fr="Organiser la formation."),
                retention_days=RETENTION_DAYS,
            ),
            Processing(
                key="quiz.authors",
                label=Text(en="Authors and markers", fr="Auteurs et correcteurs"),
                purpose=Text(
                    en="Know who wrote a question or gave a mark.",
                    fr="Savoir qui a rédigé une question ou donné une note.",
                ),
            ),
        ]

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        attempts = []
        for attempt in (
            Attempt.objects.filter(person=person)
            .select_related("quiz")
            .order_by("started_at", "number")
        ):
            answers = attempt.answers.select_related("version").order_by("position")
            attempts.append(
                {
                    "id": str(attempt.pk),
                    "quiz": attempt.quiz.title,
                    "number": attempt.number,
                    "state": attempt.state,
                    "started_at": attempt.started_at.isoformat(),
                    "submitted_at": attempt.submitted_at and attempt.submitted_at.isoformat(),
                    "extra_time": attempt.extra_time,
                    "score": attempt.score,
                    "max_score": attempt.max_score,
                    "percent": attempt.percent,
                    "passed": attempt.passed,
                    "skills": attempt.skills,
                    "answers": [
                        {
                            "question": answer.version.stem,
                            "kind": answer.version.kind,
                            "response": answer.response,
                            "saved_at": answer.saved_at and answer.saved_at.isoformat(),
                            "score": answer.score,
                            "points": answer.points,
                            "comment": answer.comment,
                        }
                        for answer in answers
                    ],
                }
            )
        yield ExportFile("quiz/attempts.json", data=_plain(attempts))
        rows = Assignment.objects.filter(person=person).select_related("quiz")
        yield ExportFile(
            "quiz/assignments.json",
            data=[
                {
                    "quiz": row.quiz.title,
                    "assigned_at": row.created_at.isoformat(),
                    "due_at": row.due_at and row.due_at.isoformat(),
                }
                for row in rows
            ],
        )
        written = Question.objects.filter(created_by=person).select_related("current")
        yield ExportFile(
            "quiz/authored.json",
            data={
                "questions": [str(question.current or "") for question in written],
                "quizzes": list(
                    Quiz.objects.filter(created_by=person).values_list("title", flat=True)
                ),
                "marks_given": Mark.objects.filter(marked_by=person).count(),
            },
        )

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        """Blank the identifier, answers and comments; keep scores, so that statistics stay right."""
        with transaction.atomic():
            mine = Attempt.objects.filter(person=person)
            touched = mine.filter(state=Attempt.State.IN_PROGRESS).delete()[0]
            touched += Answer.objects.filter(attempt__in=mine).update(response=None, comment="")
            Mark.objects.filter(answer__attempt__in=mine).update(comment="")
            touched += mine.update(person=None, extra_time="")
            touched += Assignment.objects.filter(person=person).delete()[0]
            touched += Assignment.objects.filter(created_by=person).update(created_by=None)
            touched += Answer.objects.filter(marked_by=person).update(marked_by=None)
            touched += Mark.objects.filter(marked_by=person).update(marked_by=None)
            for model in (Question, QuestionVersion, Quiz):
                touched += model.objects.filter(created_by=person).update(created_by=None)
            touched += ImportBatch.objects.filter(created_by=person).delete()[0]
        return touched

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        """Delete closed attempts submitted, and import previews made, before ``before``."""
        old = Attempt.objects.filter(Q(submitted_at__lt=before))
        with transaction.atomic():
            removed = old.delete()[0]
            removed += ImportBatch.objects.filter(created_at__lt=before).delete()[0]
        return removed


def _plain(value: object) -> object:
    """Return ``value`` with decimals as strings, ready for JSON."""
    from decimal import Decimal

    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
