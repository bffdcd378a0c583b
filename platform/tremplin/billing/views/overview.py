"""What the space pays: its plan, its seats, its next invoice, its usage; and the plans it could have."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tremplin.billing import cards, overview
from tremplin.billing.views import beyond
from tremplin.billing.views.answers import problems_answered
from tremplin.kernel.access import guarded
from tremplin.licensing import seats


@guarded(permission="billing.view")
def index(request: HttpRequest) -> HttpResponse:
    """Show what the space has, what it will pay next, and what waits."""
    return render(request, "billing/index.html", {"overview": overview.of(request.tenant)})


@guarded(permission="billing.view")
@problems_answered
def plans(request: HttpRequest) -> HttpResponse:
    """Show the plans to choose from; the running one leads to its change."""
    held = seats.plan_license(request.tenant)
    version = held.plan_version if held is not None else None
    subscription = overview.plan_subscription(request.tenant)
    rhythm = "year" if request.GET.get("rhythm") == "year" else "month"
    found = cards.plan_cards(request.tenant, current=[version] if version else [])
    return render(
        request,
        "billing/plans.html",
        {
            "cards": found,
            "rhythm": rhythm,
            "has_years": any(card.year is not None for card in found),
            "subscription": subscription,
            "can_buy": request.ctx.can("billing.manage"),
        },
    )


@guarded(permission="billing.view")
def usage(request: HttpRequest) -> HttpResponse:
    """Show what is used of what was bought."""
    from tremplin.licensing import selectors

    context = {
        **selectors.usage(request.tenant),
        "beyond": beyond.rows(request.tenant),
        "can_manage": request.ctx.can("billing.manage"),
    }
    return render(request, "billing/usage.html", context)
