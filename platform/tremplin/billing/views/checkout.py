"""Buying: choose, see the exact price, pay, read what became of it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from tenants import registry
from tremplin.api import Problem
from tremplin.billing import cards, overview, services
from tremplin.billing.forms import CheckoutForm
from tremplin.billing.invoicing import parties
from tremplin.billing.lines import Line
from tremplin.billing.models import Invoice, Order, Quote
from tremplin.billing.providers import get
from tremplin.billing.providers.base import Instructions, NextAction, Redirect
from tremplin.billing.quotes import Wanted
from tremplin.billing.views.answers import go_to, problems_answered
from tremplin.kernel import clock
from tremplin.kernel.access import guarded
from tremplin.licensing import seats


@guarded(permission="billing.manage")
@problems_answered
def choose(request: HttpRequest, version: UUID) -> HttpResponse:
    """Choose the rhythm and the seats of a plan; its quote is the next page."""
    account = services.account_of(request.tenant)
    found = cards.plan_cards(request.tenant, module=None, currency=account.currency)
    card = next((item for item in found if item.version.pk == version), None)
    if card is None:
        raise Http404
    if parties.missing(account):
        messages.info(request, _("First, to whom is the invoice addressed?"))
        return redirect(f"{reverse('billing:details')}?next={request.path}")
    form = CheckoutForm(
        request.POST or None,
        card=card,
        initial={"interval": request.GET.get("interval", card.first.price.interval)},
    )
    status = 200
    if request.method == "POST":
        if form.is_valid():
            chosen = form.offer()
            wanted = Wanted(
                card.version, chosen.price.interval, form.cleaned_data.get("seats") or None
            )
            try:
                made = services.quote(
                    request.tenant, [wanted], coupon=form.cleaned_data["coupon"].strip()
                )
            except Problem as problem:
                _say(form, problem)
            else:
                return redirect("billing:quote", quote=made.pk)
        status = 422
    context = {"card": card, "form": form}
    return render(request, "billing/checkout.html", context, status=status)


def _say(form: CheckoutForm, problem: Problem) -> None:
    """Put a refusal beside the field that it is about."""
    if problem.code.startswith("coupon_"):
        form.add_error("coupon", problem.detail)
    elif problem.code == "bad_seats" and "seats" in form.fields:
        form.add_error("seats", problem.detail)
    else:
        form.add_error(None, problem.detail)


def lines_of(found: Quote) -> list[Line]:
    """Return the lines of a stored quote."""
    return [Line.from_json(item) for item in found.body["lines"]]


@guarded(permission="billing.manage")
@problems_answered
def quote(request: HttpRequest, quote: UUID) -> HttpResponse:
    """Show what a purchase costs, to the cent, with the button to pay it."""
    found = overview.find_quote(request.tenant, quote, "purchase")
    account = services.account_of(request.tenant)
    free = not any(item["amount_minor"] for item in found.body["items"])
    return render(
        request,
        "billing/quote.html",
        {
            "quote": found,
            "lines": lines_of(found),
            "account": account,
            "provider": None if free else get(account.provider),
            "is_free": free,
            "is_over": found.expires_at <= clock.now(),
            "version": found.body["items"][0]["version"],
        },
    )


@require_POST
@guarded(permission="billing.manage")
@problems_answered
def pay(request: HttpRequest, quote: UUID) -> HttpResponse:
    """Place the order of a quote and go to its payment.

    The quote is its own idempotency key: a double click, a second tab or a page sent again find
    the same order.
    """
    found = overview.find_quote(request.tenant, quote, "purchase")
    placed = services.place_order(
        request.tenant, found, by=request.ctx.person.id, idempotency_key=found.pk
    )
    return _onward(request, placed)


@require_POST
@guarded(permission="billing.manage")
@problems_answered
def resume(request: HttpRequest, order: UUID) -> HttpResponse:
    """Go back to the payment of an order that was left half-way."""
    return _onward(request, overview.find_order(request.tenant, order))


def _onward(request: HttpRequest, placed: Order) -> HttpResponse:
    action = _action(request, placed)
    if isinstance(action, Redirect):
        return go_to(request, action.url, str(get(placed.provider).label))
    return redirect("billing:order", order=placed.pk)


def _action(request: HttpRequest, placed: Order) -> NextAction:
    page = registry.absolute_url(
        request.tenant, reverse("billing:order", kwargs={"order": placed.pk})
    )
    return services.pay_url(placed, success_url=page, cancel_url=page)


@guarded(permission="billing.view")
@problems_answered
def order(request: HttpRequest, order: UUID) -> HttpResponse:
    """Say what became of an order, from our own rows: the address proves nothing."""
    found = overview.find_order(request.tenant, order)
    action = None
    if found.state == Order.State.OPEN and "checkout" not in get(found.provider).capabilities:
        action = _action(request, found)
    invoice = (
        found.invoices.filter(kind=Invoice.Kind.INVOICE)
        .exclude(state=Invoice.State.DRAFT)
        .order_by("created_at")
        .first()
    )
    context = {
        "order": found,
        "lines": [Line.from_json(item) for item in found.body["lines"]],
        "invoice": invoice,
        "instructions": action.rows if isinstance(action, Instructions) else (),
        "is_given": found.subscription_id is not None or found.state == Order.State.PAID,
        "is_over": found.expires_at <= clock.now(),
        "plan": seats.plan_license(request.tenant),
        "seats": seats.status(request.tenant),
        "can_buy": request.ctx.can("billing.manage"),
        "version": found.body["items"][0]["version"],
        "failure": failure_text(found.failure),
    }
    page = "billing/parts/order.html" if _is_fragment(request) else "billing/order.html"
    return render(request, page, context)


def _is_fragment(request: HttpRequest) -> bool:
    return request.headers.get("HX-Target") == "order-state"


def failure_text(code: str) -> str:
    """Return in words why a payment was refused."""
    if not code:
        return ""
    return {
        "card_declined": _("The bank refused the card."),
        "declined": _("The bank refused the card."),
        "insufficient_funds": _("There is not enough money on the account of the card."),
        "expired_card": _("The card has expired."),
        "authentication_failed": _("The payment was not confirmed with the bank."),
        "confirmation_refused": _("The payment was not confirmed with the bank."),
    }.get(code, _("The payment was refused."))


@require_POST
@guarded(permission="billing.manage")
@problems_answered
def cancel(request: HttpRequest, order: UUID) -> HttpResponse:
    """Give up an order that nothing was given for."""
    found = services.cancel_order(overview.find_order(request.tenant, order))
    if found.state == Order.State.CANCELED:
        messages.success(request, _("The order is cancelled: nothing is billed."))
    return redirect("billing:order", order=found.pk)
