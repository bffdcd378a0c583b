"""What the pages of the marketplace need: their tabs and names of codes."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tremplin.marketplace import catalogue, quality
from tremplin.marketplace.models import Screenshot

register = template.Library()


@register.simple_tag(takes_context=True)
def marketplace_tabs(context: template.Context) -> list[dict[str, Any]]:
    """Return the tabs above the modules of a space."""
    path = context["request"].path
    return [
        {"label": label, "url": url, "current": path == url, "testid": testid}
        for label, name, testid in (
            (_("Catalogue"), "marketplace:index", "modules-tab-catalogue"),
            (_("My modules"), "marketplace:mine", "modules-tab-mine"),
        )
        for url in [reverse(name)]
    ]


@register.filter
def category_name(code: str) -> str:
    """Return the name of a category."""
    return catalogue.category_name(code)


@register.filter
def tier_name(code: str) -> str:
    """Return the name of a quality tier."""
    return quality.tier_name(code)


@register.filter
def tier_variant(code: str) -> str:
    """Return the colour of the badge of a tier."""
    return {"gold": "success", "silver": "info", "bronze": "outline"}.get(code, "muted")


@register.filter
def listing_variant(state: str) -> str:
    """Return the colour of the badge of a listing's state."""
    return {
        "published": "success",
        "approved": "info",
        "submitted": "warning",
        "checks": "warning",
        "changes_requested": "warning",
        "suspended": "destructive",
    }.get(state, "muted")


@register.filter
def star_text(stars: int) -> str:
    """Return « 4 of 5 stars » for people who do not see them."""
    return _("%(stars)s of 5 stars") % {"stars": stars}


@register.filter
def screen_text(screen: Screenshot) -> str:
    """Return what a picture shows, in the reader's language."""
    return screen.alt_fr if (get_language() or "").startswith("fr") else screen.alt_en
