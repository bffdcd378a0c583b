"""The sales as the staff sees them: orders, transfers that arrived, refunds, invoices."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from tremplin.api import Problem
from tremplin.api import services as platform
from tremplin.billing.sales import papers, selectors, sellers, services
from tremplin.billing.sales.forms import RefundForm, TransferForm
from tremplin.billing.sales.models import Order, Payment
from tremplin.billing.sales.views.answers import refused_to
from tremplin.kernel import clock
from tremplin.kernel.access import guarded

PER_PAGE = 50


@guarded(permission="sales.manage")
def index(request: HttpRequest) -> HttpResponse:
    """List the orders, by state and by number or title."""
    services.close_expired()
    state = request.GET.get("state", "")
    text = request.GET.get("q", "").strip()[:80]
    known = Order.State.values
    rows = selectors.orders(state if state in known else "", text)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    people = platform.people().many({row.person for row in page if row.person is not None})
    context = {
        "page": page,
        "rows": [(row, people.get(row.person) if row.person else None) for row in page],
        "states": Order.State.choices,
        "state": state,
        "q": text,
        "is_filtered": bool(state or text),
        "takings": selectors.takings(),
        "is_ready": sellers.is_ready(request.tenant),
    }
    return render(request, "sales/orders.html", context)


@guarded(permission="sales.manage")
@refused_to("sales:index")
def sale(request: HttpRequest, purchase: UUID) -> HttpResponse:
    """Show one order."""
    services.close_expired()
    return _page(request, selectors.any_order(purchase))


def _page(
    request: HttpRequest,
    found: Order,
    refund_form: RefundForm | None = None,
    transfer_form: TransferForm | None = None,
    status: int = 200,
) -> HttpResponse:
    payment = selectors.settled(found)
    left = payment.amount_minor - payment.refunded_minor if payment is not None else 0
    refund = refund_form
    if refund is None and payment is not None and left:
        refund = _refund_form(payment)
    waits = found.provider == "invoice" and found.state in {Order.State.OPEN, Order.State.CANCELED}
    person = platform.people().get(found.person) if found.person is not None else None
    context = {
        "order": found,
        "buyer": person,
        "documents": selectors.documents_of(found),
        "payments": found.payments.order_by("at"),
        "refunded_minor": selectors.refunded_minor(found),
        "left_minor": left,
        "refund_form": refund,
        "refund_open": refund_form is not None,
        "transfer_form": (transfer_form or TransferForm(initial={"day": _today(request)}))
        if waits
        else None,
    }
    return render(request, "sales/sale.html", context, status=status)


def _today(request: HttpRequest) -> date:
    return clock.today(request.tenant.timezone)


def _refund_form(payment: Payment, data: object = None) -> RefundForm:
    return RefundForm(
        data,
        currency=payment.currency,
        left_minor=payment.amount_minor - payment.refunded_minor,
        initial={"key": uuid4()},
    )


@require_POST
@guarded(permission="sales.manage")
@refused_to("sales:index")
def refund(request: HttpRequest, purchase: UUID) -> HttpResponse:
    """Give money back; the same form sent twice gives it once."""
    found = selectors.any_order(purchase)
    payment = selectors.settled(found)
    if payment is None:
        messages.error(request, _("Nothing was paid for this order."))
        return redirect("sales:sale", purchase=found.pk)
    form = _refund_form(payment, request.POST)
    if _was_done(payment, request.POST.get("key", "")):
        return redirect("sales:sale", purchase=found.pk)
    if not form.is_valid():
        return _page(request, found, refund_form=form, status=422)
    try:
        services.refund(
            payment,
            form.cleaned_data["amount"],
            idempotency_key=form.cleaned_data["key"],
            reason=form.cleaned_data["reason"],
        )
    except Problem as problem:
        form.add_error(None, problem.detail)
        return _page(request, found, refund_form=form, status=problem.status)
    messages.success(request, _("The money was given back, and the credit note is issued."))
    return redirect("sales:sale", purchase=found.pk)


def _was_done(payment: Payment, key: str) -> bool:
    from tremplin.billing.sales import projector

    return projector.is_known(payment.provider, f"refund:{key}")


@require_POST
@guarded(permission="sales.manage")
@refused_to("sales:index")
def mark_paid(request: HttpRequest, purchase: UUID) -> HttpResponse:
    """Say that a transfer arrived: the invoice is issued and the buyer is told."""
    found = selectors.any_order(purchase)
    form = TransferForm(request.POST)
    if form.is_valid() and form.cleaned_data["day"] > _today(request):
        form.add_error("day", _("This day is in the future."))
    if not form.is_valid():
        return _page(request, found, transfer_form=form, status=422)
    at = datetime.combine(
        form.cleaned_data["day"], time(12), tzinfo=ZoneInfo(request.tenant.timezone)
    )
    services.mark_paid(found, at=at, reference=form.cleaned_data["reference"])
    messages.success(request, _("The order is paid and its invoice is issued."))
    return redirect("sales:sale", purchase=found.pk)


@require_POST
@guarded(permission="sales.manage")
@refused_to("sales:index")
def deliver(request: HttpRequest, purchase: UUID) -> HttpResponse:
    """Say that the service is done; the buyer is told."""
    found = services.deliver(selectors.any_order(purchase))
    if found.delivered_at is not None:
        messages.success(request, _("The buyer is told that the service is done."))
    return redirect("sales:sale", purchase=found.pk)


@require_POST
@guarded(permission="sales.manage")
@refused_to("sales:index")
def cancel(request: HttpRequest, purchase: UUID) -> HttpResponse:
    """Cancel an order that is not paid."""
    found = services.cancel(selectors.any_order(purchase))
    if found.state == Order.State.CANCELED:
        messages.success(request, _("The order is cancelled: there is nothing to pay."))
    return redirect("sales:sale", purchase=found.pk)


@never_cache
@guarded(permission="sales.manage")
@refused_to("sales:index")
def document(request: HttpRequest, paper: UUID) -> HttpResponse:
    """Download an invoice or a credit note of the space."""
    found = selectors.any_document(paper)
    return HttpResponse(papers.pdf(found), headers=papers.headers(found))
