"""What the space sells, who sells it, and how it is paid."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants import registry
from tremplin.billing.sales import catalogue, sellers
from tremplin.billing.sales.errors import ProviderSilent
from tremplin.billing.sales.forms import EntryForm, SellerForm
from tremplin.billing.sales.models import Entry, Seller
from tremplin.billing.sales.views.answers import refused_to
from tremplin.billing.stripe import client, connected
from tremplin.billing.views.answers import go_to
from tremplin.kernel.access import guarded


@guarded(permission="sales.manage")
def entries(request: HttpRequest) -> HttpResponse:
    """List what the space sells."""
    rows = Entry.objects.order_by("-is_on_sale", "price_minor", "created_at")
    context = {"cards": [catalogue.card_of(row) for row in rows], **_readiness(request)}
    return render(request, "sales/entries.html", context)


def _readiness(request: HttpRequest) -> dict[str, object]:
    """Return what still keeps the shop closed."""
    seller = sellers.get()
    return {
        "is_saved": Seller.objects.filter(pk=1).exists(),
        "lacking": [label for _field, label in sellers.missing(seller)],
        "ways": sellers.ways(request.tenant, seller),
        "is_ready": sellers.is_ready(request.tenant),
    }


@guarded(permission="sales.manage")
def new(request: HttpRequest) -> HttpResponse:
    """Add something to sell."""
    return _edit(request, None)


@guarded(permission="sales.manage")
@refused_to("sales:entries")
def edit(request: HttpRequest, entry: UUID) -> HttpResponse:
    """Change an entry; orders already placed keep their price."""
    return _edit(request, catalogue.find(entry))


def _edit(request: HttpRequest, found: Entry | None) -> HttpResponse:
    form = EntryForm(request.POST or None, instance=found, seller=sellers.get())
    status = 200
    if request.method == "POST":
        if form.is_valid():
            catalogue.save(found, **form.values())
            messages.success(request, _("Saved."))
            return redirect("sales:entries")
        status = 422
    return render(request, "sales/entry_form.html", {"form": form, "entry": found}, status=status)


@guarded(permission="sales.manage")
def seller(request: HttpRequest) -> HttpResponse:
    """Edit who sells; invoices already issued keep what they say."""
    form = SellerForm(request.POST or None, instance=sellers.get())
    status = 200
    if request.method == "POST":
        if form.is_valid():
            sellers.save(**form.cleaned_data)
            messages.success(request, _("The seller’s details are saved."))
            return redirect("sales:entries")
        status = 422
    return render(request, "sales/seller.html", {"form": form}, status=status)


@guarded(permission="sales.manage")
@refused_to("sales:index")
def connect(request: HttpRequest) -> HttpResponse:
    """Open the space's own Stripe account, or complete it, and say whether it can take payments."""
    import stripe

    set_up = not client.problems()
    if request.method == "POST":
        if not set_up:
            return redirect("sales:connect")
        back = registry.absolute_url(request.tenant, reverse("sales:connect"))
        try:
            url = connected.onboarding_url(request.tenant, return_url=back, refresh_url=back)
        except stripe.StripeError as error:
            raise ProviderSilent from error
        return go_to(request, url, "Stripe")
    account = connected.account_id(request.tenant) if set_up else ""
    can_charge, is_silent = False, False
    if account:
        try:
            can_charge = connected.can_charge(request.tenant)
        except stripe.StripeError:
            is_silent = True
        else:
            sellers.refresh()
    context = {
        "is_set_up": set_up,
        "account": account,
        "can_charge": can_charge,
        "is_silent": is_silent,
    }
    return render(request, "sales/connect.html", context)
