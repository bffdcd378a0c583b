"""Taking a quiz: start, save, check, submit. Every write holds the attempt's row lock.

The clock is ``ctx.now()``. A save is one short transaction: one locking read and one update.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Max
from django.http import QueryDict
from django.utils.translation import gettext as _

from plugins.quiz.internal import marking, rendering
from plugins.quiz.internal.content import Content
from plugins.quiz.models import Answer, Attempt, QuestionVersion, Quiz, Section
from plugins.quiz.selectors import Availability, availability, drawable
from plugins.quiz.services.completing import complete
from tremplin.api import Problem, TenantContext, services, tasks

GRACE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class PostedAnswer:
    """The fields of a posted form; what they mean depends on the question's kind."""

    post: QueryDict
    position: int

    def read(self, content: Content, seed: int) -> dict[str, Any]:
        """Return ``{"value": …}`` for a question of this content in the attempt with ``seed``."""
        return rendering.read_post(content, self.post, self.position, str(seed))


@dataclass(frozen=True, slots=True)
class Saved:
    """What the browser learns: the stored revision and whether its save was the one stored."""

    outcome: str
    revision: int
    response: dict[str, Any] | None
    saved_at: datetime | None
    answered: bool


def start(ctx: TenantContext, quiz: Quiz) -> Attempt:
    """Open an attempt of ``ctx.person``, or return the one already open.

    Raises ``Problem`` 403 or 409 with the reason when the quiz cannot be taken now.
    """
    assert ctx.person is not None  # noqa: S101  views require a person
    person = ctx.person.id
    now = ctx.now()
    opened = Attempt.objects.filter(
        quiz=quiz, person=person, state=Attempt.State.IN_PROGRESS
    ).first()
    if opened is not None:
        return settle(ctx, opened)
    allowed = availability(ctx, quiz)
    if allowed.code != "open":
        raise Problem(409, f"quiz_{allowed.code}", allowed.reason)
    needs = services.profiles().accommodation(person)
    try:
        with transaction.atomic():
            former = Attempt.objects.filter(quiz=quiz, person=person).aggregate(
                last=Max("number"), count=Count("id")
            )
            # Counted again with the number that the constraint makes unique: another request may
            # have used the last attempt since ``availability``.
            if quiz.attempts_allowed is not None and former["count"] >= quiz.attempts_allowed:
                raise Problem(409, "quiz_no_attempt_left", _("You have used all your attempts."))
            return _open(quiz, person, (former["last"] or 0) + 1, now, allowed, needs)
    except IntegrityError:
        # A second tab started at the same moment: its attempt is the one.
        opened = Attempt.objects.filter(quiz=quiz, person=person).order_by("-number").first()
        if opened is None:
            raise
        return opened


def deadline(
    quiz: Quiz, started: datetime, closes: datetime | None, numerator: int, denominator: int
) -> datetime | None:
    """Return when the attempt must end: the limit with extra time, never after ``closes``."""
    if quiz.minutes is None:
        return closes
    seconds = quiz.minutes * 60
    limit = started + timedelta(seconds=seconds + seconds * numerator / denominator)
    return min(limit, closes) if closes else limit


def _open(
    quiz: Quiz, person: UUID, number: int, now: datetime, allowed: Availability, needs: Any
) -> Attempt:
    seed = secrets.randbits(62)
    drawn = draw(quiz, seed)
    if not drawn:
        raise Problem(409, "quiz_empty", _("This quiz has no question yet."))
    numerator, denominator = needs.extra_time_numerator, needs.extra_time_denominator
    attempt = Attempt.objects.create(
        quiz=quiz,
        person=person,
        number=number,
        seed=seed,
        items=[
            {"version": str(version.pk), "points": str(points), "section": section}
            for version, points, section in drawn
        ],
        started_at=now,
        deadline_at=deadline(quiz, now, allowed.closes_at, numerator, denominator),
        extra_time=f"{numerator}/{denominator}" if numerator else "",
        max_score=sum((points for _version, points, _section in drawn), Decimal(0)),
    )
    Answer.objects.bulk_create(
        Answer(attempt=attempt, version=version, position=position, points=points)
        for position, (version, points, _section) in enumerate(drawn)
    )
    if attempt.deadline_at is not None:
        from plugins.quiz.tasks import submit_overdue

        tasks.remind(
            f"quiz.attempt:{attempt.pk}",
            submit_overdue,
            due_at=attempt.deadline_at + GRACE,
            attempt=str(attempt.pk),
        )
    return attempt


def draw(quiz: Quiz, seed: int) -> list[tuple[QuestionVersion, Decimal, str]]:
    """Return the versions, points and section titles of one attempt; the same for the same seed."""
    random = Random(f"draw:{seed}")  # noqa: S311  fairness, not secrecy
    drawn: list[tuple[QuestionVersion, Decimal, str]] = []
    seen: set[UUID] = set()
    sections = quiz.sections.prefetch_related("chosen__question__current").order_by(
        "position", "id"
    )
    for section in sections:
        rows: list[tuple[QuestionVersion, Decimal, str]] = []
        if section.source == Section.Source.FIXED:
            for row in section.chosen.all():
                version = row.question.current
                if version is None or row.question_id in seen:
                    continue
                points = version.points if row.points is None else row.points
                rows.append((version, points if version.scored else Decimal(0), section.title))
        else:
            pool = [
                v for v in drawable(section).order_by("question_id") if v.question_id not in seen
            ]
            picked = random.sample(pool, min(section.draw_count, len(pool)))
            rows = [(v, v.points if v.scored else Decimal(0), section.title) for v in picked]
        if quiz.shuffle_questions:
            random.shuffle(rows)
        seen.update(version.question_id for version, _points, _title in rows)
        drawn.extend(rows)
    return drawn


def _locked(ctx: TenantContext, attempt: UUID, position: int) -> Answer:
    """Return the answer with its attempt's row locked. Raises ``Problem`` 404."""
    answer = (
        Answer.objects.select_for_update(of=("attempt",))
        .select_related("attempt", "version")
        .filter(attempt_id=attempt, attempt__person=ctx.person.id, position=position)  # type: ignore[union-attr]
        .first()
    )
    if answer is None:
        raise Problem(404, "answer_not_found", _("This question is not part of your attempt."))
    return answer


def _check_open(answer: Answer, now: datetime) -> None:
    attempt = answer.attempt
    if attempt.state != Attempt.State.IN_PROGRESS:
        raise Problem(
            409, "attempt_closed", _("This attempt is already submitted: the answer was not saved.")
        )
    if attempt.deadline_at is not None and now > attempt.deadline_at + GRACE:
        raise Problem(
            409, "time_is_up", _("The time is up: this answer came too late to be saved.")
        )
    if answer.checked_at is not None:
        raise Problem(409, "answer_checked", _("You have seen the feedback of this question."))


def save_answer(
    ctx: TenantContext,
    attempt: UUID,
    position: int,
    raw: Mapping[str, Any] | PostedAnswer,
    *,
    revision: int | None = None,
) -> Saved:
    """Store one answer. ``revision`` counts the browser's saves of this answer, from 1.

    The same revision with the same answer is acknowledged again (``same``); an older revision with
    another answer is refused (``stale``) and the stored one returned, so that a retry never
    overwrites something newer. Without ``revision`` (no JavaScript) the last post wins. Raises
    ``Problem`` 404, 409 ``attempt_closed | time_is_up | no_way_back | answer_checked``, 422.
    """
    now = ctx.now()
    with transaction.atomic():
        answer = _locked(ctx, attempt, position)
        _check_open(answer, now)
        if position < answer.attempt.current:
            raise Problem(409, "no_way_back", _("This quiz does not allow going back."))
        content = answer.version.typed
        try:
            # A posted form can only be read once the question's kind is known.
            posted = (
                raw.read(content, answer.attempt.seed) if isinstance(raw, PostedAnswer) else raw
            )
            response = marking.clean_response(content, posted)
        except ValueError:
            raise Problem(
                422, "answer_invalid", _("This answer does not fit the question. Reload the page.")
            ) from None
        rows = Answer.objects.filter(pk=answer.pk)
        if revision is None:
            stored = rows.values("revision", "response", "saved_at").get()
            if stored["response"] == response:
                return Saved(
                    "same", stored["revision"], response, stored["saved_at"], response is not None
                )
            revision = stored["revision"] + 1
        if rows.filter(revision__lt=revision).update(
            response=response, revision=revision, saved_at=now
        ):
            return Saved("saved", revision, response, now, response is not None)
        current = rows.values("revision", "response", "saved_at").get()
    same = current["revision"] == revision and current["response"] == response
    return Saved(
        "same" if same else "stale",
        current["revision"],
        current["response"],
        current["saved_at"],
        current["response"] is not None,
    )


def set_flag(ctx: TenantContext, attempt: UUID, position: int, *, flagged: bool) -> None:
    """Mark a question for review, or not."""
    with transaction.atomic():
        answer = _locked(ctx, attempt, position)
        _check_open(answer, ctx.now())
        Answer.objects.filter(pk=answer.pk).update(flagged=flagged)


def advance(ctx: TenantContext, attempt: Attempt, position: int) -> None:
    """Remember where the person is; in a sequential quiz the former questions close."""
    with transaction.atomic():
        row = Attempt.objects.select_for_update().get(pk=attempt.pk)
        wanted = min(position, len(row.items) - 1)
        if attempt.quiz.navigation == Quiz.Navigation.SEQUENTIAL:
            wanted = min(max(row.current, wanted), row.current + 1)
            Attempt.objects.filter(pk=attempt.pk).update(current=wanted)
            attempt.current = wanted


def check_answer(ctx: TenantContext, attempt: Attempt, position: int) -> Answer:
    """Close one answer of a practice quiz and mark it at once.

    Raises ``Problem`` 409 ``not_practice`` in other quizzes and 422 ``answer_empty``.
    """
    if attempt.quiz.review != Quiz.Review.PRACTICE:
        raise Problem(409, "not_practice", _("Feedback comes after submission in this quiz."))
    with transaction.atomic():
        answer = _locked(ctx, attempt.pk, position)
        answer.refresh_from_db(fields=["response", "checked_at"])
        if answer.checked_at is not None:
            return answer
        _check_open(answer, ctx.now())
        if not marking.is_answered(answer.version.typed, answer.response):
            raise Problem(422, "answer_empty", _("Answer the question first."))
        fraction = marking.mark(answer.version.typed, answer.response).fraction
        answer.checked_at = ctx.now()
        answer.fraction = fraction
        answer.save(update_fields=["checked_at", "fraction"])
    return answer


def submit(
    ctx: TenantContext, attempt: Attempt, *, by: str = Attempt.SubmittedBy.PERSON
) -> Attempt:
    """Mark and close an attempt; a second call changes nothing and returns it as it is."""
    now = ctx.now()
    with transaction.atomic():
        row = (
            Attempt.objects.select_for_update(of=("self",))
            .select_related("quiz")
            .get(pk=attempt.pk)
        )
        if row.state != Attempt.State.IN_PROGRESS:
            return row
        late = row.deadline_at is not None and now > row.deadline_at + GRACE
        row.submitted_by = Attempt.SubmittedBy.TIMEOUT if late else by
        row.submitted_at = min(now, row.deadline_at) if row.deadline_at else now
        answers = list(row.answers.select_related("version").order_by("position"))
        for answer in answers:
            fraction = marking.mark(answer.version.typed, answer.response).fraction
            answer.fraction = fraction
            answer.needs_marking = fraction is None
            answer.score = None if fraction is None else marking.score(fraction, answer.points)
        Answer.objects.bulk_update(answers, ["fraction", "needs_marking", "score"])
        if any(answer.needs_marking for answer in answers):
            row.state = Attempt.State.SUBMITTED
            row.save()
        else:
            complete(ctx, row, answers)
        if row.deadline_at is not None:
            tasks.forget(f"quiz.attempt:{row.pk}")
    return row


def settle(ctx: TenantContext, attempt: Attempt) -> Attempt:
    """Submit ``attempt`` if its time is over; called whenever an open attempt is looked at."""
    if (
        attempt.state == Attempt.State.IN_PROGRESS
        and attempt.deadline_at is not None
        and ctx.now() > attempt.deadline_at + GRACE
    ):
        return submit(ctx, attempt, by=Attempt.SubmittedBy.TIMEOUT)
    return attempt
