"""Invoices of a reseller's trade: the platform's to it, and those of its clients."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tremplin.api import Problem
from tremplin.billing.invoicing import files
from tremplin.operations.reseller import invoices
from tremplin.operations.reseller.access import MANAGE, here, reseller_page
from tremplin.operations.reseller.forms import SettleForm

PER_PAGE = 25


@require_GET
@reseller_page()
def index(request: HttpRequest) -> HttpResponse:
    """List the platform's monthly invoices and those of the clients."""
    return _page(request)


@require_GET
@reseller_page()
def pdf(request: HttpRequest, invoice: UUID) -> HttpResponse:
    """Send the file of one invoice of the reseller's trade."""
    try:
        found = invoices.find(here(request), invoice)
        return HttpResponse(files.open_pdf(found), headers=files.headers(found))
    except Problem as problem:
        if problem.status != 404:
            raise
        raise Http404 from problem


@require_POST
@reseller_page(MANAGE)
def paid(request: HttpRequest, invoice: UUID) -> HttpResponse:
    """Record that a client's transfer arrived."""
    form = SettleForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Write the reference of the transfer."))
        return _page(request, status=422)
    try:
        done = invoices.settle(here(request), invoice, reference=form.cleaned_data["reference"])
    except Problem as problem:
        if problem.status == 404:
            raise Http404 from problem
        messages.error(request, problem.detail)
        return _page(request, status=problem.status)
    messages.success(request, _("The invoice %(number)s is paid.") % {"number": done.number})
    return redirect("reseller:invoices")


def _page(request: HttpRequest, status: int = 200) -> HttpResponse:
    reseller = here(request)
    page = Paginator(invoices.of_clients(reseller), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "wholesale": list(invoices.wholesale(reseller)[:24]),
        "page": page,
        "rows": invoices.described(reseller, list(page)),
        "can_manage": request.ctx.can(MANAGE),  # type: ignore[attr-defined]
    }
    return render(request, "operations/reseller/invoices.html", context, status=status)
