"""The clients of a reseller: the list, one client, a new one."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tremplin.operations.reseller import clients
from tremplin.operations.reseller.access import client_of, here, reseller_page


@require_GET
@reseller_page()
def index(request: HttpRequest) -> HttpResponse:
    """List the clients with what they use, what they pay and what the reseller earns."""
    context = {"clients": clients.rows(here(request))}
    return render(request, "operations/reseller/clients.html", context)


@require_GET
@reseller_page()
def client(request: HttpRequest, client: UUID) -> HttpResponse:
    """Show one client."""
    tenant = client_of(here(request), client)
    context = {"row": clients.row(here(request), tenant), "target": tenant}
    return render(request, "operations/reseller/client.html", context)
