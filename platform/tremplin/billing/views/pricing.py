"""The public page of prices."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse

from tremplin.billing import cards
from tremplin.kernel.access import guarded


@guarded(anonymous=True)
def index(request: HttpRequest) -> HttpResponse:
    """Show the plans that this host sells, from its own book or that of its reseller."""
    found = cards.plan_cards(request.tenant)
    rhythm = "year" if request.GET.get("rhythm") == "year" else "month"
    return render(
        request,
        "billing/pricing.html",
        {
            "cards": found,
            "rhythm": rhythm,
            "has_years": any(card.year is not None for card in found),
            "can_buy": request.ctx.person is not None and request.ctx.can("billing.manage"),
            "start_url": _start_url() if request.tenant.kind == "hq" else "",
        },
    )


def _start_url() -> str:
    try:
        return reverse("operations:start")
    except NoReverseMatch:
        return ""
