"""What the quiz module adds to the pages of the space: answers to the question hooks."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import Count, Exists, OuterRef, Q
from django.utils.translation import gettext as _

from plugins.quiz.models import Attempt, Quiz
from tremplin.api import (
    Evidence,
    NavItem,
    NextAction,
    PersonRef,
    Section,
    TenantContext,
    Widget,
    services,
)

MAX_EVIDENCE = 200


def navigation(ctx: TenantContext) -> Iterable[NavItem]:
    """Return one entry for learners and one for staff."""
    return [
        NavItem(_("My quizzes"), "quiz:home", "list-checks", order=20, permission="quiz.take"),
        NavItem(
            _("Quizzes"), "quiz_console:quizzes", "list-checks", section="manage", order=20,
            permission="quiz.results",
        ),
    ]  # fmt: skip


def dashboard_widgets(ctx: TenantContext) -> Iterable[Widget]:
    """Return the learner's progress and the staff's activity cards."""
    return [
        Widget(
            "quiz_progress", _("My quizzes"), ctx.url("quiz:widget_progress"), page="app",
            size="third", order=20, permission="quiz.take",
        ),
        Widget(
            "quiz_activity", _("Quiz activity"), ctx.url("quiz_console:widget_activity"),
            page="console", size="two_thirds", order=20, permission="quiz.results",
        ),
    ]  # fmt: skip


def profile_sections(ctx: TenantContext, person: PersonRef) -> Iterable[Section]:
    """Return the results of ``person`` to herself and to those who may see results."""
    if ctx.person is None or (ctx.person.id != person.id and not ctx.can("quiz.results")):
        return []
    return [
        Section(
            "quiz_results",
            _("Quiz results"),
            ctx.url("quiz:widget_person", person=person.id),
            order=20,
        )
    ]


def next_actions(ctx: TenantContext) -> Iterable[NextAction]:
    """Return assigned quizzes that are open now and not done yet, in two queries."""
    if ctx.person is None or not ctx.can("quiz.take"):
        return []
    now, person = ctx.now(), ctx.person.id
    cohorts = services.people().cohorts_of(person)
    mine = Attempt.objects.filter(quiz=OuterRef("pk"), person=person)
    open_window = (Q(assignments__opens_at=None) | Q(assignments__opens_at__lte=now)) & (
        Q(assignments__due_at=None) | Q(assignments__due_at__gt=now)
    )
    todo = (
        Quiz.objects.filter(
            Q(assignments__person=person) | Q(assignments__cohort__in=cohorts),
            open_window,
            Q(opens_at=None) | Q(opens_at__lte=now),
            Q(closes_at=None) | Q(closes_at__gt=now),
            state=Quiz.State.PUBLISHED,
        )
        .annotate(
            opened=Exists(mine.filter(state=Attempt.State.IN_PROGRESS)),
            finished=Exists(
                mine.filter(Q(passed=True) | Q(passed=None)).exclude(state="in_progress")
            ),
            used=Count("attempts", filter=Q(attempts__person=person), distinct=True),
        )
        .distinct()
        .order_by("closes_at", "title")[:10]
    )
    actions = []
    for quiz in todo:
        if quiz.opened:
            label, weight = _("Resume the quiz “%(title)s”") % {"title": quiz.title}, 95
        elif quiz.finished or (quiz.attempts_allowed and quiz.used >= quiz.attempts_allowed):
            continue
        else:
            label, weight = _("Quiz “%(title)s”") % {"title": quiz.title}, 80
        detail = _("%(n)s minutes") % {"n": quiz.minutes} if quiz.minutes else ""
        actions.append(
            NextAction(
                label, ctx.url("quiz:intro", quiz=quiz.pk), detail=detail, weight=weight,
                due=quiz.closes_at, icon="list-checks",
            )
        )  # fmt: skip
    return actions


def skill_evidence(ctx: TenantContext, person: PersonRef) -> Iterable[Evidence]:
    """Return what each completed attempt shows about each skill, newest first."""
    rows = (
        Attempt.objects.filter(person=person.id, state=Attempt.State.COMPLETED)
        .select_related("quiz")
        .order_by("-submitted_at")[:MAX_EVIDENCE]
    )
    found = []
    for attempt in rows:
        for skill, totals in attempt.skills.items():
            maximum = Decimal(totals["max"])
            if maximum and attempt.submitted_at:
                found.append(
                    Evidence(
                        skill=skill,
                        source="quiz",
                        label=attempt.quiz.title,
                        strength=float(
                            min(max(Decimal(totals["score"]) / maximum, Decimal(0)), Decimal(1))
                        ),
                        occurred_at=attempt.submitted_at,
                        url=ctx.url("quiz:result", attempt=attempt.pk),
                    )
                )
    return found


def activated(ctx: TenantContext, first_time: bool) -> None:
    """Catch up after a time off: submit the attempts whose time ended meanwhile."""
    from plugins.quiz.services.taking import settle

    for attempt in Attempt.objects.select_related("quiz").filter(
        state=Attempt.State.IN_PROGRESS, deadline_at__lt=ctx.now()
    ):
        settle(ctx, attempt)
