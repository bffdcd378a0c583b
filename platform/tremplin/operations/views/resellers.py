"""What the operator agrees with a reseller, and what it owes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tenants.registry import TenantInfo
from tremplin.api import Problem
from tremplin.billing.money import amount_text
from tremplin.kernel.access import guarded
from tremplin.operations.access import hq_only
from tremplin.operations.reseller import books, catalogue, commission, figures, invoices, statement
from tremplin.operations.reseller.forms import LimitsForm, PayoutForm, TermsForm

View = Callable[..., HttpResponse]


def _about_a_reseller(view: View) -> View:
    """Give the view the reseller that the address names; 404 for any other space."""

    @wraps(view)
    def found(request: HttpRequest, space: UUID, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, books.reseller_of(space), **kwargs)
        except Problem as problem:
            if problem.status != 404:
                raise
            raise Http404 from problem

    return hq_only(guarded(permission="operations.plans")(found))


@require_GET
@_about_a_reseller
def detail(request: HttpRequest, reseller: TenantInfo) -> HttpResponse:
    """Show a reseller: its terms, its prices, what it sells and what it is owed."""
    return _page(request, reseller)


@require_POST
@_about_a_reseller
def agree(request: HttpRequest, reseller: TenantInfo) -> HttpResponse:
    """Set the discount and who bills the clients."""
    form = TermsForm(request.POST)
    if not form.is_valid():
        return _page(request, reseller, terms_form=form)
    data = form.cleaned_data
    books.agree(reseller, books.Terms(data["discount"], data["mode"]))
    messages.success(request, _("The terms apply to what is sold from now on."))
    return redirect("operations:reseller", space=reseller.uuid)


@require_POST
@_about_a_reseller
def limit(request: HttpRequest, reseller: TenantInfo, price: UUID) -> HttpResponse:
    """Set the cost of a price and the range of what the reseller may ask."""
    found = catalogue.price_on_sale(price)
    form = LimitsForm(request.POST, currency=found.currency)
    if not form.is_valid():
        return _page(request, reseller, wrong=found.pk, limits_form=form)
    data = form.cleaned_data
    books.limit(reseller, found, books.Limits(data["cost"], data["lowest"], data["highest"]))
    messages.success(request, _("The price of the reseller is set."))
    return redirect("operations:reseller", space=reseller.uuid)


@require_POST
@_about_a_reseller
def pay_out(request: HttpRequest, reseller: TenantInfo) -> HttpResponse:
    """Record that the commission due was transferred."""
    form = PayoutForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Write the reference of the transfer."))
        return _page(request, reseller, status=422)
    data = form.cleaned_data
    try:
        done = commission.pay_out(reseller, data["currency"], reference=data["reference"])
    except Problem as problem:
        messages.error(request, problem.detail)
        return _page(request, reseller, status=problem.status)
    amount = amount_text(done.amount_minor, done.currency)
    messages.success(request, _("The payout of %(amount)s is recorded.") % {"amount": amount})
    return redirect("operations:reseller", space=reseller.uuid)


def _page(
    request: HttpRequest,
    reseller: TenantInfo,
    *,
    terms_form: TermsForm | None = None,
    wrong: UUID | None = None,
    limits_form: LimitsForm | None = None,
    status: int = 200,
) -> HttpResponse:
    terms = books.terms(reseller)
    clients = figures.client_figures(reseller)
    context = {
        "reseller": reseller,
        "terms_form": terms_form
        or TermsForm(initial={"discount": terms.discount_percent, "mode": terms.mode}),
        "terms": terms,
        "clients": clients,
        "sums": figures.sums(clients),
        "groups": books.groups(reseller),
        "wrong": wrong,
        "limits_form": limits_form,
        "statement": statement.of(reseller, statement.this_month(reseller)),
        "wholesale": list(invoices.wholesale(reseller)[:12]),
        "commission": commission.overview(reseller),
    }
    refused = terms_form is not None or limits_form is not None
    return render(
        request, "operations/resellers/detail.html", context, status=422 if refused else status
    )
