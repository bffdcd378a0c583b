"""Cards of the dashboards and of profile pages, loaded as fragments."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Avg, Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.views.decorators.http import require_GET

from plugins.quiz import selectors
from plugins.quiz.internal.packs import skill_label
from plugins.quiz.models import Attempt
from tremplin.api import services, view

WEEKS = 8


@view(permission="quiz.take")
@require_GET
def progress(request: HttpRequest) -> HttpResponse:
    """The learner's card: how many quizzes are done, and what is next."""
    cards = selectors.my_quizzes(request.ctx)
    done = [card for card in cards if card.done]
    results = [card.result for card in cards if card.result is not None]
    return render(
        request,
        "quiz/fragments/progress.html",
        {
            "total": len(cards),
            "done": len(done),
            "share": round(100 * len(done) / len(cards)) if cards else 0,
            "average": sum(results, Decimal(0)) / len(results) if results else None,
            "following": next((card for card in cards if not card.done), None),
        },
    )


@view(permission="quiz.results")
@require_GET
def activity(request: HttpRequest) -> HttpResponse:
    """The staff's card: attempts by week, average, pass rate, answers to mark."""
    now = request.ctx.now()
    monday = (now - timedelta(days=now.weekday())).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    starts = [monday - timedelta(weeks=WEEKS - 1 - index) for index in range(WEEKS)]
    done = Attempt.objects.exclude(state=Attempt.State.IN_PROGRESS)
    summary = done.aggregate(
        total=Count("id"),
        mean=Avg("percent"),
        graded=Count("id", filter=Q(passed__isnull=False)),
        passed=Count("id", filter=Q(passed=True)),
    )
    weeks = [0] * WEEKS
    for submitted in done.filter(submitted_at__gte=starts[0]).values_list(
        "submitted_at", flat=True
    ):
        weeks[min(max((submitted - starts[0]).days // 7, 0), WEEKS - 1)] += 1
    return render(
        request,
        "quiz/fragments/activity.html",
        {
            "summary": summary,
            "pass_rate": 100 * summary["passed"] / summary["graded"] if summary["graded"] else None,
            "data": [
                (date_format(start, "j N"), count)
                for start, count in zip(starts, weeks, strict=True)
            ],
            "waiting": selectors.marking_queue().count() if request.ctx.can("quiz.mark") else 0,
            "id_prefix": "quiz-activity",
        },
    )


@view()
@require_GET
def person(request: HttpRequest, person: UUID) -> HttpResponse:
    """The results of one person, for herself and for those who may see results."""
    ctx = request.ctx
    if ctx.person.id != person and not ctx.can("quiz.results"):
        raise Http404
    if services.people().get(person) is None:
        raise Http404
    attempts = (
        Attempt.objects.filter(person=person, state=Attempt.State.COMPLETED)
        .select_related("quiz")
        .order_by("-submitted_at")
    )
    totals: dict[str, list[Decimal]] = {}
    rows = list(attempts[:100])
    for attempt in rows:
        for skill, part in attempt.skills.items():
            pair = totals.setdefault(skill, [Decimal(0), Decimal(0)])
            pair[0] += Decimal(part["score"])
            pair[1] += Decimal(part["max"])
    return render(
        request,
        "quiz/fragments/person.html",
        {
            "rows": rows[:10],
            "mine": ctx.person.id == person,
            "skills": [
                (skill_label(skill), 100 * score / maximum)
                for skill, (score, maximum) in sorted(totals.items())
                if maximum
            ],
            "id_prefix": "quiz-person",
        },
    )
