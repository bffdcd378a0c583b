"""The modules that a space has: state, usage, renewal, settings."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tremplin.billing.models import Subscription
from tremplin.kernel.access import guarded
from tremplin.licensing import seats
from tremplin.marketplace import catalogue, usage


@guarded(permission="portal.modules")
def index(request: HttpRequest) -> HttpResponse:
    """List what the space has, with what it uses of it and until when."""
    cards = [
        card
        for card in catalogue.cards_of(request.tenant)
        if card.licence is not None or card.status not in {"off"}
    ]
    counters = usage.of(request.tenant)
    subscriptions = {
        row.pk: row
        for row in Subscription.objects.filter(tenant_id=request.tenant.pk).exclude(
            state=Subscription.State.ENDED
        )
    }
    rows = [
        {
            "card": card,
            "until": catalogue.licence_end(card),
            "subscription": subscriptions.get(card.licence.subscription) if card.licence else None,
            "counters": counters.get(card.slug, []),
        }
        for card in cards
    ]
    return render(
        request,
        "marketplace/mine.html",
        {"rows": rows, "seats": seats.status(request.tenant)},
    )
