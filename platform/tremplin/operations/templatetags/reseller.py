"""What the pages of the reseller's console need: their tabs."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

register = template.Library()


@register.simple_tag(takes_context=True)
def reseller_tabs(context: template.Context) -> list[dict[str, Any]]:
    """Return the tabs above the pages of a reseller's console; a tab stays current below it."""
    path = context["request"].path
    entries = [
        (_("Clients"), "reseller:index", "reseller-tab-clients"),
        (_("Health"), "reseller:health", "reseller-tab-health"),
        (_("Catalogue"), "reseller:catalogue", "reseller-tab-catalogue"),
        (_("Margin"), "reseller:statement", "reseller-tab-statement"),
        (_("Invoices"), "reseller:invoices", "reseller-tab-invoices"),
        (_("Brand"), "reseller:brand", "reseller-tab-brand"),
    ]
    home = reverse("reseller:index")
    found = []
    for label, name, testid in entries:
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        below = url != home and path.startswith(url)
        of_clients = url == home and path.startswith(f"{home}clients/")
        found.append(
            {
                "label": label,
                "url": url,
                "current": path == url or below or of_clients,
                "testid": testid,
            }
        )
    return found
