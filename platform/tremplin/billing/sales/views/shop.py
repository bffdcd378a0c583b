"""The shop: what the space sells, one's purchases, their payment and their invoices."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from tenants import registry
from tremplin.billing.invoicing.wording import language_of
from tremplin.billing.providers.base import Instructions, NextAction, Redirect
from tremplin.billing.sales import catalogue, papers, selectors, sellers, services
from tremplin.billing.sales.errors import CannotSell, PriceChanged
from tremplin.billing.sales.forms import BuyForm
from tremplin.billing.sales.models import Entry, Order
from tremplin.billing.sales.views.answers import refused_to
from tremplin.billing.views.answers import go_to
from tremplin.billing.views.checkout import failure_text
from tremplin.kernel.access import guarded


@guarded(permission="sales.buy")
def index(request: HttpRequest) -> HttpResponse:
    """Show what can be bought, and what was."""
    person = request.ctx.person.id
    services.close_expired(person)
    context = {"cards": catalogue.on_sale(), "orders": selectors.of_person(person)}
    return render(request, "sales/shop.html", context)


@guarded(permission="sales.buy")
@refused_to("sales:shop")
def entry(request: HttpRequest, entry: UUID) -> HttpResponse:
    """Show one entry with its price, and order it."""
    form = None
    status = 200
    if request.method == "POST":
        known = _known(request)
        if known is not None:
            return _onward(request, known)
    found = catalogue.for_sale(entry)
    if request.method == "POST":
        form = _form(request, found, request.POST)
        status = 422
        if form.is_valid():
            try:
                return _onward(request, _order(request, found, form))
            except (PriceChanged, CannotSell) as problem:
                status = problem.status
                # A new page: the price of today under a new key, with what was typed.
                typed = {**request.POST.dict(), "shown": catalogue.shown_price(found)}
                form = _form(request, found, {**typed, "key": str(uuid4())})
                form.add_error(None, problem.detail)
    waiting = catalogue.open_order(request.ctx.person.id, found.pk)
    seller = sellers.get()
    context = {
        "card": catalogue.card_of(found),
        "form": form or _form(request, found, None),
        "waiting": waiting,
        "tax": sellers.tax_of(seller, found.tax_code),
        "seller": seller,
    }
    return render(request, "sales/entry.html", context, status=status)


def _known(request: HttpRequest) -> Order | None:
    """Return the order that the same form made before: a double click, a page sent again."""
    try:
        key = UUID(request.POST.get("key", ""))
    except ValueError:
        return None
    return Order.objects.filter(idempotency_key=key, person=request.ctx.person.id).first()


def _form(request: HttpRequest, found: Entry, data: Any) -> BuyForm:
    seller = sellers.get()
    return BuyForm(
        data,
        ways=sellers.ways(request.tenant, seller),
        terms=seller.terms,
        initial={
            "name": request.ctx.person.display_name,
            "shown": catalogue.shown_price(found),
            "key": uuid4(),
        },
    )


def _order(request: HttpRequest, found: Entry, form: BuyForm) -> Order:
    return catalogue.buy(
        request.ctx.person,
        found.pk,
        shown=form.cleaned_data["shown"],
        way=form.cleaned_data["way"],
        idempotency_key=form.cleaned_data["key"],
        buyer=form.buyer(),
        locale=language_of(get_language() or "en"),
    )


def _onward(request: HttpRequest, placed: Order) -> HttpResponse:
    """Go to the payment of an order, or to its page when there is none to make."""
    if placed.state == Order.State.OPEN and placed.provider == "sandbox":
        return redirect("sales:card", purchase=placed.pk)
    action = _action(request, placed)
    if isinstance(action, Redirect):
        return go_to(request, action.url, "Stripe")
    return redirect("sales:order", purchase=placed.pk)


def _action(request: HttpRequest, placed: Order) -> NextAction:
    page = registry.absolute_url(
        request.tenant, reverse("sales:order", kwargs={"purchase": placed.pk})
    )
    return services.pay_url(placed, success_url=page, cancel_url=page)


@guarded(permission="sales.buy")
@refused_to("sales:shop")
def order(request: HttpRequest, purchase: UUID) -> HttpResponse:
    """Say what became of a purchase, from our own rows: the address proves nothing."""
    person = request.ctx.person.id
    services.close_expired(person)
    found = selectors.own_order(person, purchase)
    action = None
    if found.state == Order.State.OPEN and found.provider == "invoice":
        action = _action(request, found)
    context = {
        "order": found,
        "documents": selectors.documents_of(found),
        "instructions": action.rows if isinstance(action, Instructions) else (),
        "failure": "" if found.failure == "expired" else failure_text(found.failure),
        "refunded_minor": selectors.refunded_minor(found),
    }
    fragment = request.headers.get("HX-Target") == "order-state"
    return render(request, "sales/parts/order.html" if fragment else "sales/order.html", context)


@require_POST
@guarded(permission="sales.buy")
@refused_to("sales:shop")
def pay(request: HttpRequest, purchase: UUID) -> HttpResponse:
    """Go back to a payment that was left half-way."""
    person = request.ctx.person.id
    services.close_expired(person)
    return _onward(request, selectors.own_order(person, purchase))


@require_POST
@guarded(permission="sales.buy")
@refused_to("sales:shop")
def cancel(request: HttpRequest, purchase: UUID) -> HttpResponse:
    """Give up an order that is not paid."""
    found = services.cancel(selectors.own_order(request.ctx.person.id, purchase))
    if found.state == Order.State.CANCELED:
        messages.success(request, _("The order is cancelled: there is nothing to pay."))
    return redirect("sales:order", purchase=found.pk)


@never_cache
@guarded(permission="sales.buy")
@refused_to("sales:shop")
def document(request: HttpRequest, paper: UUID) -> HttpResponse:
    """Download an invoice or a credit note of one's own."""
    found = selectors.own_document(request.ctx.person.id, paper)
    return HttpResponse(papers.pdf(found), headers=papers.headers(found))
