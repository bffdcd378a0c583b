"""The catalogue of modules of a space."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from tremplin.kernel.access import guarded
from tremplin.marketplace import catalogue, screenshots
from tremplin.marketplace.forms import FilterForm


@guarded(permission="portal.modules")
def index(request: HttpRequest) -> HttpResponse:
    """List the modules that match what the reader looks for."""
    every = catalogue.cards_of(request.tenant)
    publishers = sorted(
        {(card.publisher_slug, card.publisher) for card in every}, key=lambda p: p[1]
    )
    form = FilterForm(request.GET, publishers=publishers)
    filters = form.filters()
    return render(
        request,
        "marketplace/catalogue.html",
        {
            "cards": catalogue.search(every, filters),
            "covers": screenshots.covers(get_language() or "en"),
            "total": len(every),
            "form": form,
            "filters": filters,
        },
    )
