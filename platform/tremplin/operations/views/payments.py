"""Late and refused payments, and transfers recorded by hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tremplin.api import Problem
from tremplin.billing.models import Invoice
from tremplin.kernel import clock
from tremplin.kernel.access import guarded
from tremplin.operations.access import hq_only
from tremplin.operations.forms import ReasonForm
from tremplin.operations.payments import selectors, services
from tremplin.operations.payments.forms import PaidForm

PERMISSION = "operations.revenue"
PAGE_SIZE = 50
FROM_STATEMENT = ("amount", "is_part", "received_on", "reference")


def _invoice(key: UUID) -> Invoice:
    rows = Invoice.objects.exclude(state=Invoice.State.DRAFT).filter(kind=Invoice.Kind.INVOICE)
    return get_object_or_404(rows.select_related("account", "series", "subscription"), pk=key)


def _zone(request: HttpRequest) -> str:
    here: Any = request
    return str(here.tenant.timezone)


@require_GET
@hq_only
@guarded(permission=PERMISSION)
def index(request: HttpRequest) -> HttpResponse:
    """List what is late, what is open, what was refused and what arrived."""
    view = request.GET.get("view", "")
    view = view if view in selectors.VIEWS else selectors.VIEWS[0]
    query = request.GET.get("q", "").strip()[:100]
    today = clock.today(_zone(request))
    number = request.GET.get("page")
    page: Any
    if view in ("late", "open"):
        page = Paginator(selectors.invoices(view, today, query=query), PAGE_SIZE).get_page(number)
        rows: list[Any] = list(selectors.invoice_rows(list(page.object_list), today))
    else:
        page = Paginator(selectors.payments(view), PAGE_SIZE).get_page(number)
        rows = list(selectors.payment_rows(list(page.object_list)))
    context = {
        "view": view,
        "views": selectors.VIEWS,
        "query": query,
        "page": page,
        "rows": rows,
        "owed": selectors.owed(today),
    }
    return render(request, "operations/payments/payments.html", context)


def _page(request: HttpRequest, found: Invoice, status: int = 200, **changed: Any) -> HttpResponse:
    today = clock.today(_zone(request))
    context = {
        "row": selectors.invoice_rows([found], today)[0],
        "invoice": found,
        "lines": found.lines.all(),
        "attempts": found.payments.order_by("-at"),
        "form": PaidForm(invoice=found, zone=_zone(request)),
        "retry_form": ReasonForm(),
        **changed,
    }
    return render(request, "operations/payments/invoice.html", context, status=status)


@require_http_methods(["GET", "POST"])
@hq_only
@guarded(permission=PERMISSION)
def invoice(request: HttpRequest, invoice: UUID) -> HttpResponse:
    """Show an invoice and its attempts; a POST records a transfer."""
    found = _invoice(invoice)
    if request.method != "POST":
        # A line of a statement that is to be confirmed here brings what the bank said.
        said = {name: request.GET[name][:60] for name in FROM_STATEMENT if name in request.GET}
        return _page(
            request, found, form=PaidForm(invoice=found, zone=_zone(request), initial=said)
        )
    form = PaidForm(request.POST, invoice=found, zone=_zone(request))
    if not form.is_valid():
        return _page(request, found, 422, form=form)
    here: Any = request
    try:
        services.mark_paid(
            found,
            form.transfer(),
            by=here.ctx.person.id,
            reason=form.cleaned_data["reason"],
        )
    except Problem as problem:
        found.refresh_from_db()
        form.add_error("amount" if problem.status == 422 else None, problem.detail)
        return _page(request, found, problem.status, form=form)
    messages.success(
        request, gettext("The payment of %(number)s is recorded.") % {"number": found.number}
    )
    return redirect("operations:payment", invoice=invoice)


@require_POST
@hq_only
@guarded(permission=PERMISSION)
def retry(request: HttpRequest, invoice: UUID) -> HttpResponse:
    """Charge the kept card again."""
    found = _invoice(invoice)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, found, 422, retry_form=form)
    try:
        paid = services.retry(found, reason=form.cleaned_data["reason"])
    except Problem as problem:
        form.add_error(None, gettext("Nothing is owed on this invoice."))
        found.refresh_from_db()
        return _page(request, found, 409 if problem.status == 404 else problem.status,
                     retry_form=form)  # fmt: skip
    if paid:
        messages.success(request, gettext("The card was charged: the invoice is paid."))
    else:
        messages.error(request, gettext("The card was refused again: nothing changed."))
    return redirect("operations:payment", invoice=invoice)
