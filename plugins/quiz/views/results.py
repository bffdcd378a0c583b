"""Results as staff see them: attempts, one attempt, statistics, exports."""

from __future__ import annotations

from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Avg, Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from plugins.quiz import selectors
from plugins.quiz.internal import rendering, tables
from plugins.quiz.models import Attempt, Quiz
from plugins.quiz.services import statistics as stored_statistics
from plugins.quiz.services import taking
from plugins.quiz.views.taking import reviewed, skill_rows
from tremplin.api import view

PAGE_SIZE = 50
ALERT_ORDER = ("check_key", "weak", "too_hard", "too_easy")


@view(permission="quiz.results")
@require_GET
def attempts(request: HttpRequest, quiz: UUID) -> HttpResponse:
    """List the attempts at a quiz."""
    found = get_object_or_404(Quiz, pk=quiz)
    rows = selectors.attempts_of(found)
    state = request.GET.get("state", "")
    if state in Attempt.State.values:
        rows = rows.filter(state=state)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    people = selectors.names(row.person for row in page)
    done = found.attempts.filter(state=Attempt.State.COMPLETED)
    summary = done.aggregate(
        n=Count("id"), mean=Avg("percent"), passed=Count("id", filter=Q(passed=True))
    )
    return render(
        request,
        "quiz/attempts.html",
        {
            "quiz": found,
            "page": page,
            "rows": [(row, people.get(row.person)) for row in page],
            "summary": summary,
            "pass_rate": 100 * summary["passed"] / summary["n"] if summary["n"] else None,
            "state": state,
            "states": Attempt.State.choices,
            "tab": "attempts",
        },
    )


@view(permission="quiz.results")
@require_GET
def export(request: HttpRequest, quiz: UUID, form: str) -> HttpResponse:
    """Download the attempts as CSV or XLSX, one row per attempt."""
    if form not in {"csv", "xlsx"}:
        raise Http404
    found = get_object_or_404(Quiz, pk=quiz)
    rows = list(selectors.attempts_of(found)[: tables.MAX_ROWS])
    people = selectors.names(row.person for row in rows)
    zone = request.ctx.now().tzinfo
    skills = sorted({skill for row in rows for skill in row.skills})
    head = [
        _("Name"), _("E-mail"), _("Attempt"), _("State"), _("Started"), _("Submitted"), _("Points"),
        _("Out of"), _("Result in %"), _("Passed"), *skills,
    ]  # fmt: skip
    table: list[list[tables.Cell]] = []
    for row in rows:
        person = people.get(row.person) if row.person else None
        by_skill = {line["skill"]: line["percent"] for line in skill_rows(row)}
        passed = "" if row.passed is None else (_("yes") if row.passed else _("no"))
        table.append(
            [
                person.display_name if person else _("Former member"),
                person.email if person else "",
                row.number,
                row.get_state_display(),
                row.started_at.astimezone(zone),
                row.submitted_at.astimezone(zone) if row.submitted_at else None,
                row.score,
                row.max_score,
                row.percent,
                passed,
                *(by_skill.get(skill) for skill in skills),
            ]
        )
    name = f"quiz-{found.pk}.{form}"
    if form == "csv":
        return tables.download(tables.as_csv(head, table), name, "text/csv; charset=utf-8")
    return tables.download(tables.as_xlsx(found.title, head, table), name, tables.XLSX)


@view(permission="quiz.results")
@require_GET
def attempt(request: HttpRequest, attempt: UUID) -> HttpResponse:
    """Show one attempt with every answer; markers may change marks."""
    found = get_object_or_404(Attempt.objects.select_related("quiz"), pk=attempt)
    found = taking.settle(request.ctx, found)
    closed = found.state != Attempt.State.IN_PROGRESS
    people = selectors.names([found.person])
    return render(
        request,
        "quiz/attempt.html",
        {
            "attempt": found,
            "quiz": found.quiz,
            "person": people.get(found.person),
            "shown": reviewed(found) if closed else [],
            "skills": skill_rows(found),
            "tab": "attempts",
        },
    )


@view(permission="quiz.results")
@require_GET
def statistics(request: HttpRequest, quiz: UUID) -> HttpResponse:
    """Show facility and discrimination of every question."""
    found = get_object_or_404(Quiz, pk=quiz)
    rows = stored_statistics.refresh(request.ctx, found)
    rows.sort(key=lambda row: (row.facility, str(row.version_id)))
    labels = {
        "check_key": _("Check the key: strong people fail it"),
        "weak": _("Weak: it does not separate people"),
        "too_hard": _("Too hard"),
        "too_easy": _("Too easy"),
    }
    pictures = rendering.Pictures(())
    return render(
        request,
        "quiz/statistics.html",
        {
            "quiz": found,
            "rows": [
                {
                    "stat": row,
                    "stem": pictures.html(row.version, row.version.stem),
                    "facility": row.facility * 100,
                    "alerts": [(code, labels[code]) for code in ALERT_ORDER if code in row.alerts],
                }
                for row in rows
            ],
            "people": max((row.people for row in rows), default=0),
            "tab": "statistics",
        },
    )
