"""How the clients of a reseller do."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tremplin.operations.reseller import figures, health
from tremplin.operations.reseller.access import client_of, here, reseller_page


@require_GET
@reseller_page()
def index(request: HttpRequest) -> HttpResponse:
    """List the clients with what needs attention, the most serious first."""
    rows = health.of(here(request))
    context = {
        "rows": rows,
        "attention": sum(1 for row in rows if row.alerts),
        "seats": sum(row.figures.seats_used for row in rows),
        "sums": figures.sums(row.figures for row in rows),
    }
    return render(request, "operations/reseller/health.html", context)


@require_GET
@reseller_page()
def client(request: HttpRequest, client: UUID) -> HttpResponse:
    """Show what one client uses, as totals."""
    reseller = here(request)
    tenant = client_of(reseller, client)
    context = {"row": health.of_client(reseller, tenant), "target": tenant}
    return render(request, "operations/reseller/health_client.html", context)
