"""The simulated card of the shop: looks like a payment and moves no money (demo and tests)."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from tremplin.billing.forms import CardForm
from tremplin.billing.sales import selectors, sellers, services
from tremplin.billing.sales.errors import NotFound, UnknownCard
from tremplin.billing.sales.models import Order
from tremplin.billing.sales.views.answers import refused_to
from tremplin.billing.views.card import numbers
from tremplin.kernel.access import guarded

RENEWALS = "0341"  # a purchase has no renewal: that test number is not for the shop


def _order(request: HttpRequest, purchase: UUID) -> Order:
    """Return an own order that the simulated card pays; 404 where it is not set up."""
    services.close_expired(request.ctx.person.id)
    found = selectors.own_order(request.ctx.person.id, purchase)
    if found.provider != "sandbox" or settings.MODE not in sellers.SIMULATED:
        raise NotFound
    return found


@sensitive_post_parameters("number")
@never_cache
@guarded(permission="sales.buy")
@refused_to("sales:shop")
def number(request: HttpRequest, purchase: UUID) -> HttpResponse:
    """Take a test number; it is compared and forgotten, never stored nor shown again."""
    found = _order(request, purchase)
    if found.state != Order.State.OPEN:
        return redirect("sales:order", purchase=found.pk)
    form = CardForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                answer = services.submit_card(found, form.cleaned_data["number"])
            except UnknownCard:
                form.add_error(
                    "number", _("This is not a test number: real cards are never accepted here.")
                )
            else:
                name = "sales:confirm" if answer == services.CONFIRM else "sales:order"
                return redirect(name, purchase=found.pk)
    shown = [pair for pair in numbers() if not pair[0].endswith(RENEWALS)]
    context = {"order": found, "form": form, "numbers": shown}
    return render(request, "sales/card.html", context, status=status)


@never_cache
@guarded(permission="sales.buy")
@refused_to("sales:shop")
def confirm(request: HttpRequest, purchase: UUID) -> HttpResponse:
    """Play the bank's confirmation step (3-D Secure)."""
    found = _order(request, purchase)
    if found.state != Order.State.OPEN:
        return redirect("sales:order", purchase=found.pk)
    if request.method == "POST":
        try:
            services.confirm(found, request.POST.get("answer") == "accept")
        except UnknownCard:
            messages.error(request, _("Type the number of a card first."))
            return redirect("sales:card", purchase=found.pk)
        return redirect("sales:order", purchase=found.pk)
    return render(request, "sales/card_confirm.html", {"order": found})
