"""Every read of the quiz module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from plugins.quiz.models import (
    Answer,
    Assignment,
    Attempt,
    Category,
    Question,
    QuestionVersion,
    Quiz,
    Section,
)
from tremplin.api import PersonRef, TenantContext, services


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a person may start an attempt now: ``code`` is ``open`` or says why not."""

    code: str
    reason: str = ""
    closes_at: datetime | None = None
    attempts_left: int | None = None


@dataclass(slots=True)
class QuizCard:
    """A quiz as one learner sees it."""

    quiz: Quiz
    assigned: bool = False
    opens_at: datetime | None = None
    due_at: datetime | None = None
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def opened(self) -> Attempt | None:
        return next((a for a in self.attempts if a.state == Attempt.State.IN_PROGRESS), None)

    @property
    def completed(self) -> list[Attempt]:
        return [a for a in self.attempts if a.state == Attempt.State.COMPLETED]

    @property
    def waiting(self) -> bool:
        return any(a.state == Attempt.State.SUBMITTED for a in self.attempts)

    @property
    def result(self) -> Decimal | None:
        return graded_percent(self.quiz, self.completed)

    @property
    def passed(self) -> bool | None:
        return graded_pass(self.quiz, self.result)

    @property
    def done(self) -> bool:
        """Tell whether nothing is expected any more: passed, or taken when there is no pass mark."""
        if self.quiz.pass_percent is None:
            return bool(self.completed) or self.waiting
        return bool(self.passed) or (self.waiting and self.passed is None)

    @property
    def attempts_left(self) -> int | None:
        allowed = self.quiz.attempts_allowed
        return None if allowed is None else max(allowed - len(self.attempts), 0)


def graded_percent(quiz: Quiz, completed: Iterable[Attempt]) -> Decimal | None:
    """Return the result of a quiz over completed attempts, by the quiz's grading method."""
    marked = sorted((a for a in completed if a.percent is not None), key=lambda a: a.number)
    percents = [a.percent for a in marked if a.percent is not None]
    if not percents:
        return None
    if quiz.grading == Quiz.Grading.HIGHEST:
        return max(percents)
    if quiz.grading == Quiz.Grading.FIRST:
        return percents[0]
    if quiz.grading == Quiz.Grading.LAST:
        return percents[-1]
    mean = sum(percents, Decimal(0)) / len(percents)
    return mean.quantize(Decimal("0.01"), ROUND_HALF_UP)


def graded_pass(quiz: Quiz, percent: Decimal | None) -> bool | None:
    """Tell whether ``percent`` passes, or ``None`` without a pass mark or a result."""
    if percent is None or quiz.pass_percent is None:
        return None
    return percent >= quiz.pass_percent


def _latest(first: datetime | None, second: datetime | None) -> datetime | None:
    return max(first, second) if first and second else first or second


def _earliest(first: datetime | None, second: datetime | None) -> datetime | None:
    return min(first, second) if first and second else first or second


def _windows(
    quiz: Quiz, assignments: Iterable[Assignment]
) -> list[tuple[datetime | None, datetime | None]]:
    windows = [
        (_latest(quiz.opens_at, row.opens_at), _earliest(quiz.closes_at, row.due_at))
        for row in assignments
    ]
    if quiz.open_to_all:
        windows.append((quiz.opens_at, quiz.closes_at))
    return windows


def assignments_of(person: UUID) -> QuerySet[Assignment]:
    """Return the assignments that reach ``person``, directly or through her cohorts."""
    cohorts = services.people().cohorts_of(person)
    return Assignment.objects.filter(Q(person=person) | Q(cohort__in=cohorts))


def availability(ctx: TenantContext, quiz: Quiz) -> Availability:
    """Tell whether ``ctx.person`` may start an attempt at ``quiz`` now, and until when."""
    assert ctx.person is not None  # noqa: S101  views require a person
    person, now = ctx.person.id, ctx.now()
    if quiz.state != Quiz.State.PUBLISHED:
        return Availability("not_published", _("This quiz is not published."))
    windows = _windows(quiz, assignments_of(person).filter(quiz=quiz))
    if not windows:
        return Availability("not_assigned", _("This quiz is not assigned to you."))
    opened = [(start, end) for start, end in windows if start is None or start <= now]
    if not opened:
        return Availability("not_yet", _("This quiz is not open yet."))
    current = [end for _start, end in opened if end is None or end > now]
    if not current:
        return Availability("over", _("This quiz is closed."))
    closes = None if None in current else max(end for end in current if end)
    if quiz.attempts_allowed is None:
        return Availability("open", closes_at=closes)
    used = Attempt.objects.filter(quiz=quiz, person=person).count()
    left = quiz.attempts_allowed - used
    if left <= 0:
        return Availability("no_attempt_left", _("You have used all your attempts."), closes, 0)
    return Availability("open", closes_at=closes, attempts_left=left)


def my_quizzes(ctx: TenantContext) -> list[QuizCard]:
    """Return the published quizzes ``ctx.person`` may see, those to do first, then by due date."""
    assert ctx.person is not None  # noqa: S101  views require a person
    rows = list(assignments_of(ctx.person.id).filter(quiz__state=Quiz.State.PUBLISHED))
    by_quiz: dict[UUID, list[Assignment]] = defaultdict(list)
    for row in rows:
        by_quiz[row.quiz_id].append(row)
    quizzes = Quiz.objects.filter(
        Q(pk__in=by_quiz) | Q(open_to_all=True), state=Quiz.State.PUBLISHED
    )
    cards = {quiz.pk: QuizCard(quiz, assigned=quiz.pk in by_quiz) for quiz in quizzes}
    for attempt in Attempt.objects.filter(person=ctx.person.id, quiz__in=cards):
        cards[attempt.quiz_id].attempts.append(attempt)
    for card in cards.values():
        windows = _windows(card.quiz, by_quiz.get(card.quiz.pk, ()))
        starts = [start for start, _end in windows]
        ends = [end for _start, end in windows]
        card.opens_at = None if None in starts else min(s for s in starts if s)
        card.due_at = None if None in ends else max(e for e in ends if e)
        card.attempts.sort(key=lambda attempt: attempt.number)
    far = datetime.max.replace(tzinfo=ctx.now().tzinfo)
    return sorted(
        cards.values(),
        key=lambda c: (c.done, c.due_at or far, c.quiz.title.casefold(), str(c.quiz.pk)),
    )


def my_attempt(ctx: TenantContext, attempt: UUID) -> Attempt | None:
    """Return an attempt of ``ctx.person``, or ``None`` (somebody else's does not exist for her)."""
    if ctx.person is None:
        return None
    return Attempt.objects.select_related("quiz").filter(pk=attempt, person=ctx.person.id).first()


def answers_of(attempt: Attempt) -> list[Answer]:
    """Return the answers with their versions, in the order of the attempt."""
    return list(attempt.answers.select_related("version").order_by("position"))


def may_review(ctx: TenantContext, attempt: Attempt, due_at: datetime | None = None) -> bool:
    """Tell whether right answers and feedback may be shown to the person now."""
    if attempt.state == Attempt.State.IN_PROGRESS:
        return False
    if attempt.quiz.review != Quiz.Review.CLOSE:
        return True
    closes = attempt.quiz.closes_at or due_at
    return closes is not None and ctx.now() >= closes


def review_date(ctx: TenantContext, quiz: Quiz) -> datetime | None:
    """Return when the last window of ``quiz`` ends for ``ctx.person`` (``None``: never)."""
    assert ctx.person is not None  # noqa: S101  views require a person
    ends = [end for _start, end in _windows(quiz, assignments_of(ctx.person.id).filter(quiz=quiz))]
    return None if not ends or None in ends else max(end for end in ends if end)


# --- bank --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BankFilter:
    """What the author is looking for in the bank; empty fields do not restrict."""

    text: str = ""
    kind: str = ""
    category: UUID | None = None
    skill: str = ""
    tag: str = ""
    difficulty: int | None = None
    archived: bool = False


def bank(wanted: BankFilter) -> QuerySet[Question]:
    """Return the questions of the bank that match, newest first."""
    found = Question.objects.select_related("current", "category").filter(
        archived_at__isnull=not wanted.archived, current__isnull=False
    )
    if wanted.text:
        found = found.filter(
            Q(current__stem__icontains=wanted.text) | Q(current__title__icontains=wanted.text)
        )
    if wanted.kind:
        found = found.filter(current__kind=wanted.kind)
    if wanted.category:
        found = found.filter(category__in=descendants(wanted.category))
    if wanted.skill:
        found = found.filter(current__skills__contains=[wanted.skill])
    if wanted.tag:
        found = found.filter(current__tags__contains=[wanted.tag])
    if wanted.difficulty:
        found = found.filter(current__difficulty=wanted.difficulty)
    return found.order_by("-created_at", "id")


def descendants(category: UUID) -> set[UUID]:
    """Return a category and everything below it."""
    children: dict[UUID | None, list[UUID]] = defaultdict(list)
    for pk, parent in Category.objects.values_list("pk", "parent_id"):
        children[parent].append(pk)
    found, waiting = {category}, [category]
    while waiting:
        for child in children[waiting.pop()]:
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def category_paths() -> list[tuple[UUID, str]]:
    """Return every category with its path, sorted by path."""
    rows = {
        pk: (name, parent)
        for pk, name, parent in Category.objects.values_list("pk", "name", "parent_id")
    }
    paths: list[tuple[UUID, str]] = []
    for pk in rows:
        names: list[str] = []
        at: UUID | None = pk
        while at is not None and len(names) < 20:
            name, at = rows[at]
            names.append(name)
        paths.append((pk, " / ".join(reversed(names))))
    return sorted(paths, key=lambda row: row[1].casefold())


def drawable(section: Section) -> QuerySet[QuestionVersion]:
    """Return the current versions a random section may draw from."""
    found = QuestionVersion.objects.filter(
        current_of__isnull=False,
        current_of__archived_at__isnull=True,
        difficulty__gte=section.difficulty_min,
        difficulty__lte=section.difficulty_max,
    ).exclude(kind="description")
    if section.draw_tags:
        found = found.filter(tags__overlap=section.draw_tags)
    if section.draw_skills:
        found = found.filter(skills__overlap=section.draw_skills)
    if section.draw_category_id:
        found = found.filter(question__category__in=descendants(section.draw_category_id))
    return found


def known_labels() -> tuple[list[str], list[str]]:
    """Return the skills and the tags in use in the bank, sorted."""
    skills: set[str] = set()
    tags: set[str] = set()
    rows = QuestionVersion.objects.filter(
        current_of__archived_at__isnull=True, current_of__isnull=False
    )
    for row_skills, row_tags in rows.values_list("skills", "tags"):
        skills.update(row_skills)
        tags.update(row_tags)
    return sorted(skills), sorted(tags)


def quizzes() -> QuerySet[Quiz]:
    """Return all quizzes with the number of completed attempts, published first."""
    return Quiz.objects.annotate(
        completed=Count("attempts", filter=Q(attempts__state=Attempt.State.COMPLETED))
    ).order_by("state", "title", "id")


# --- results -----------------------------------------------------------------------------------


def names(people: Iterable[UUID | None]) -> dict[UUID, PersonRef]:
    """Return the known persons among ``people``."""
    return services.people().many({person for person in people if person is not None})


def attempts_of(quiz: Quiz) -> QuerySet[Attempt]:
    """Return the attempts at ``quiz``, newest first."""
    return quiz.attempts.order_by("-started_at", "id")


def marking_queue() -> QuerySet[Answer]:
    """Return the answers that wait for a person, oldest submission first."""
    return (
        Answer.objects.filter(needs_marking=True, attempt__state=Attempt.State.SUBMITTED)
        .select_related("attempt__quiz", "version")
        .order_by("attempt__submitted_at", "attempt_id", "position")
    )
