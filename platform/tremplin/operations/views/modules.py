"""How the modules of the installation are, in plain words."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tremplin.billing.cards import module_name
from tremplin.kernel.access import guarded
from tremplin.modules import condition
from tremplin.operations.access import hq_only


@require_GET
@hq_only
@guarded(permission="operations.platform")
def index(request: HttpRequest) -> HttpResponse:
    """List every module with its state, its failures and the spaces concerned; worst first."""
    order = {"quarantined": 0, "incompatible": 1, "degraded": 2, "ok": 3}
    rows = sorted(condition.of_all(), key=lambda row: (order[row.status], row.slug))
    wrong = [row for row in rows if row.status != "ok"]
    context = {
        "rows": rows,
        "names": {row.slug: module_name(row.slug) for row in rows},
        "wrong": len(wrong),
    }
    return render(request, "operations/modules.html", context)
