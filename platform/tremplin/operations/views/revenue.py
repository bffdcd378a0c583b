"""The revenue of the platform."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tremplin.kernel.access import guarded
from tremplin.operations.access import hq_only
from tremplin.operations.revenue import figures, selectors


def _found(request: HttpRequest) -> selectors.Revenue:
    measure = request.GET.get("measure", "")
    here: Any = request
    return selectors.revenue(
        here.tenant,
        currency=request.GET.get("currency", ""),
        measure=measure if measure in figures.MEASURES else figures.MEASURES[0],
    )


@require_GET
@hq_only
@guarded(permission="operations.revenue")
def index(request: HttpRequest) -> HttpResponse:
    """Show recurring revenue, what moved it, churn and trials, over twelve months."""
    found = _found(request)
    return render(
        request, "operations/revenue/revenue.html", {"found": found, "months": found.months[::-1]}
    )


@require_GET
@hq_only
@guarded(permission="operations.revenue")
def sheet(request: HttpRequest) -> HttpResponse:
    """Send the twelve months as CSV."""
    found = _found(request)
    answer = HttpResponse(selectors.as_csv(found), content_type="text/csv; charset=utf-8")
    name = f"revenue-{found.now.first:%Y-%m}-{found.currency}-{found.measure}.csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
