"""To whom invoices are addressed, and how they are paid."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from tenants import registry
from tremplin.billing import providers, services
from tremplin.billing.forms import DetailsForm, PayerForm
from tremplin.billing.views.answers import go_to, problems_answered
from tremplin.kernel.access import guarded

OFFERED = ("invoice", "sandbox", "stripe")


def _next(request: HttpRequest) -> str:
    """Return where to go back to, when it is a page of this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if safe and wanted.startswith("/console/") else ""


@guarded(permission="billing.manage")
@problems_answered
def edit(request: HttpRequest) -> HttpResponse:
    """Edit the legal identity; invoices already issued keep what they say."""
    account = services.account_of(request.tenant)
    form = DetailsForm(request.POST or None, instance=account)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            services.update_account(request.tenant, **form.cleaned_data)
            messages.success(request, _("The billing details are saved."))
            return redirect(_next(request) or "billing:index")
        status = 422
    return render(
        request, "billing/details.html", {"form": form, "next": _next(request)}, status=status
    )


@guarded(permission="billing.view")
@problems_answered
def methods(request: HttpRequest) -> HttpResponse:
    """Show the means of payment that are kept, and choose how the space pays."""
    account = services.account_of(request.tenant)
    choices = [(slug, str(found.label)) for slug in OFFERED if (found := _usable(slug)) is not None]
    can_manage = request.ctx.can("billing.manage")
    form = PayerForm(request.POST or None, choices=choices, initial={"provider": account.provider})
    status = 200
    if request.method == "POST":
        if not can_manage:
            return redirect("billing:methods")
        if request.POST.get("portal"):
            return _portal(request)
        if account.payer is None and form.is_valid():
            services.update_account(request.tenant, provider=form.cleaned_data["provider"])
            messages.success(request, _("The means of payment is saved."))
            return redirect("billing:methods")
        status = 422
    current = _usable(account.provider)
    context = {
        "account": account,
        "methods": account.methods.order_by("-is_default", "label"),
        "form": form if can_manage and account.payer is None and len(choices) > 1 else None,
        "has_portal": current is not None and "portal" in current.capabilities and can_manage,
        "can_replace": can_manage and current is not None and account.provider == "sandbox",
    }
    return render(request, "billing/methods.html", context, status=status)


def _usable(slug: str) -> providers.BillingProvider | None:
    try:
        found = providers.get(slug)
    except LookupError:
        return None
    return found if found.is_configured().ok else None


def _portal(request: HttpRequest) -> HttpResponse:
    """Go to the provider's own page about means of payment."""
    account = services.account_of(request.tenant)
    found = _usable(account.provider)
    back = registry.absolute_url(request.tenant, reverse("billing:methods"))
    url = found.portal_url(account, back) if found is not None else None
    if found is None or url is None:
        messages.error(request, _("This means of payment has no page of its own."))
        return redirect("billing:methods")
    return go_to(request, url, str(found.label))
