"""The margin statement of a reseller, on a page and for a spreadsheet."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from tremplin.kernel import audit
from tremplin.operations.reseller import commission, statement
from tremplin.operations.reseller.access import here, reseller_page


@require_GET
@reseller_page()
def index(request: HttpRequest) -> HttpResponse:
    """Show what the reseller earned in a month, this one by default."""
    month, error = _month(request)
    reseller = here(request)
    context = {
        "statement": statement.of(reseller, month),
        "error": error,
        "typed": f"{month:%Y-%m}",
        "before_on": statement.moved(month, -1),
        "after_on": statement.moved(month, 1),
        "before": f"{statement.moved(month, -1):%Y-%m}",
        "after": f"{statement.moved(month, 1):%Y-%m}",
        "is_last": month >= statement.this_month(reseller),
        "commission": commission.overview(reseller),
    }
    return render(
        request, "operations/reseller/statement.html", context, status=422 if error else 200
    )


@require_GET
@reseller_page()
def as_csv(request: HttpRequest) -> HttpResponse:
    """Send the statement of a month for a spreadsheet."""
    month, error = _month(request)
    if error:
        return HttpResponse(error, status=422, content_type="text/plain; charset=utf-8")
    content = statement.as_csv(statement.of(here(request), month))
    audit.record("reseller.statement_exported", data={"month": f"{month:%Y-%m}"})
    return HttpResponse(
        content,
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="margin-{month:%Y-%m}.csv"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


def _month(request: HttpRequest) -> tuple[date, str]:
    """Return the month asked for, else the current one with what is wrong."""
    current = statement.this_month(here(request))
    text = request.GET.get("month", "")
    if not text:
        return current, ""
    found = statement.month_of(text)
    if found is None:
        return current, _("Write the month as 2026-11: four digits, a hyphen, two digits.")
    return found, ""
