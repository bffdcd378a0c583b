"""How the clients of a reseller do."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from tremplin.api import Problem
from tremplin.billing import cards
from tremplin.licensing import trials
from tremplin.operations.reseller import figures, health
from tremplin.operations.reseller.access import MANAGE, client_of, here, reseller_page
from tremplin.operations.reseller.forms import TrialForm


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


@require_http_methods(["GET", "POST"])
@reseller_page()
def client(request: HttpRequest, client: UUID) -> HttpResponse:
    """Show what one client uses, as totals; a POST gives it another trial of a module."""
    reseller = here(request)
    tenant = client_of(reseller, client)
    may_give = request.ctx.can(MANAGE)  # type: ignore[attr-defined]
    if request.method == "POST" and not may_give:
        raise PermissionDenied(MANAGE)
    form = TrialForm(request.POST or None, modules=health.modules_to_try(tenant))
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            try:
                trials.grant_another(
                    tenant, data["module"], by=reseller, reason=data["reason"], days=data["days"]
                )
            except Problem as problem:
                form.add_error(None, problem.detail)
                status = problem.status
            else:
                name = cards.module_name(data["module"])
                messages.success(request, _("The trial of %(name)s is open.") % {"name": name})
                return redirect("reseller:health_client", client=client)
    context = {
        "row": health.of_client(reseller, tenant),
        "target": tenant,
        "form": form if may_give and form.fields["module"].choices else None,  # type: ignore[attr-defined]
    }
    return render(request, "operations/reseller/health_client.html", context, status=status)
