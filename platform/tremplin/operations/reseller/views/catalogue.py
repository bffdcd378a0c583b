"""The catalogue of a reseller: which modules its clients see, and at what price."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tremplin.api import Problem
from tremplin.billing.money import amount_text
from tremplin.operations.reseller import catalogue
from tremplin.operations.reseller.access import MANAGE, here, reseller_page
from tremplin.operations.reseller.forms import RetailForm, ShownForm


@require_GET
@reseller_page()
def index(request: HttpRequest) -> HttpResponse:
    """List modules and plans with the reseller's prices, its cost and the allowed range."""
    return _page(request)


@require_POST
@reseller_page(MANAGE)
def price(request: HttpRequest, price: UUID) -> HttpResponse:
    """Set what clients pay; an amount outside the range is refused with the range."""
    try:
        found = catalogue.price_on_sale(price)
    except Problem as problem:
        raise Http404 from problem
    form = RetailForm(request.POST, currency=found.currency)
    if form.is_valid():
        amount = form.cleaned_data["amount"]
        try:
            catalogue.ask(here(request), found, amount)
        except Problem as problem:
            form.add_error("amount", problem.detail)
        else:
            said = found.amount_minor if amount is None else amount
            messages.success(
                request,
                _("Your clients pay %(amount)s from now on. Running subscriptions do not change.")
                % {"amount": amount_text(said, found.currency)},
            )
            return redirect("reseller:catalogue")
    return _page(request, wrong=found.pk, form=form)


@require_POST
@reseller_page(MANAGE)
def module(request: HttpRequest, slug: str) -> HttpResponse:
    """Hide a module from the clients, or show it again."""
    form = ShownForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose whether your clients see the module."))
        return _page(request, status=422)
    hidden = form.cleaned_data["hidden"]
    try:
        name = catalogue.show_module(here(request), slug, hidden=hidden)
    except Problem as problem:
        raise Http404 from problem
    text = (
        _("%(name)s is hidden: your clients cannot try or buy it. Who has it keeps it.")
        if hidden
        else _("Your clients see %(name)s again.")
    )
    messages.success(request, text % {"name": name})
    return redirect("reseller:catalogue")


def _page(
    request: HttpRequest,
    *,
    wrong: UUID | None = None,
    form: RetailForm | None = None,
    status: int = 200,
) -> HttpResponse:
    reseller = here(request)
    context = {
        "modules": catalogue.modules(reseller),
        "plans": catalogue.plans(reseller),
        "can_manage": request.ctx.can(MANAGE),  # type: ignore[attr-defined]
        "wrong": wrong,
        "typed": form.data.get("amount", "") if form is not None else "",
        "error": " ".join(map(str, form.errors.get("amount", []))) if form is not None else "",
    }
    return render(
        request,
        "operations/reseller/catalogue.html",
        context,
        status=422 if wrong is not None else status,
    )
