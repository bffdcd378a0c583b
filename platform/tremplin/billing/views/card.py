"""The simulated card: a page that looks like a payment and moves no money (demo and tests)."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from tremplin.billing import overview, services
from tremplin.billing.forms import CardForm
from tremplin.billing.lines import Line
from tremplin.billing.models import Order
from tremplin.billing.providers import get
from tremplin.billing.views.answers import problems_answered
from tremplin.kernel.access import guarded


def _order(request: HttpRequest, pk: UUID) -> Order:
    """Return an order of this space that the simulated card pays; 404 where it is not set up."""
    found = overview.find_order(request.tenant, pk)
    if found.provider != "sandbox" or not get("sandbox").is_configured().ok:
        raise Http404
    return found


def numbers() -> list[tuple[str, str]]:
    """Return the test numbers and what each does."""
    return [
        ("4242 4242 4242 4242", _("accepted")),
        ("4000 0000 0000 0002", _("refused by the bank")),
        ("4000 0025 0000 3155", _("asks a confirmation (3-D Secure)")),
        ("4000 0000 0000 0341", _("accepted now, refused at the renewal")),
    ]


@sensitive_post_parameters("number")
@never_cache
@guarded(permission="billing.manage")
@problems_answered
def number(request: HttpRequest, order: UUID) -> HttpResponse:
    """Take a test number; it is compared and forgotten, never stored nor shown again."""
    from tremplin.billing.providers import sandbox

    found = _order(request, order)
    if found.state != Order.State.OPEN:
        return redirect("billing:order", order=found.pk)
    form = CardForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            answer = sandbox.submit_card(found, form.cleaned_data["number"])
            if answer == "confirm":
                return redirect("billing:sandbox_confirm", order=found.pk)
            if answer in {"settled", "refused"}:
                return redirect("billing:order", order=found.pk)
            form.add_error(
                "number", _("This is not a test number: real cards are never accepted here.")
            )
    context = {
        "order": found,
        "form": form,
        "lines": [Line.from_json(item) for item in found.body["lines"]],
        "numbers": numbers(),
    }
    return render(request, "billing/card.html", context, status=status)


@never_cache
@guarded(permission="billing.manage")
@problems_answered
def confirm(request: HttpRequest, order: UUID) -> HttpResponse:
    """Play the bank's confirmation step (3-D Secure)."""
    from tremplin.billing.providers import sandbox

    found = _order(request, order)
    if found.state != Order.State.OPEN:
        return redirect("billing:order", order=found.pk)
    if request.method == "POST":
        answer = sandbox.confirm(found, request.POST.get("answer") == "accept")
        if answer == "unknown_card":
            messages.error(request, _("Type the number of a card first."))
            return redirect("billing:sandbox", order=found.pk)
        return redirect("billing:order", order=found.pk)
    return render(request, "billing/card_confirm.html", {"order": found})


@sensitive_post_parameters("number")
@never_cache
@guarded(permission="billing.manage")
@problems_answered
def replace(request: HttpRequest) -> HttpResponse:
    """Keep another test card for the next payments."""
    from tremplin.billing.providers import sandbox

    account = services.account_of(request.tenant)
    if account.provider != "sandbox" or not get("sandbox").is_configured().ok:
        return redirect("billing:methods")
    form = CardForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            answer = sandbox.replace_card(account, form.cleaned_data["number"])
            if answer == "settled":
                messages.success(request, _("The card is kept for the next payments."))
                return redirect("billing:methods")
            form.add_error(
                "number",
                _("The bank refused the card: the former one stays.")
                if answer == "refused"
                else _("This is not a test number: real cards are never accepted here."),
            )
    context = {"form": form, "numbers": numbers()}
    return render(request, "billing/card_replace.html", context, status=status)
