"""The tabs that every page of ``/console/security/`` shows."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext

register = template.Library()


def _tabs() -> list[tuple[str, str, str, str, str]]:
    """Return (label, URL name, permission, icon, test id) of each page, in order."""
    audit, rules = "kernel.view_audit", "identity.manage_security"
    return [
        (gettext("Events"), "people:security", audit, "activity", "tab-events"),
        (gettext("Audit log"), "people:audit", audit, "scroll-text", "tab-audit"),
        (gettext("Sign-in rules"), "people:sign_in", rules, "log-in", "tab-sign-in"),
        (gettext("Networks"), "people:networks", rules, "waypoints", "tab-networks"),
        (gettext("Domains"), "people:domains", rules, "globe", "tab-domains"),
        (gettext("Embedding"), "people:embedding", rules, "blocks", "tab-embedding"),
        (
            gettext("Support access"),
            "people:support_access",
            rules,
            "life-buoy",
            "tab-support",
        ),
    ]


@register.simple_tag(takes_context=True)
def security_tabs(context: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tabs whose page is installed and which the reader may open.

    The one whose path begins the current path most closely is current.
    """
    request = context["request"]
    ctx = getattr(request, "ctx", None)
    shown: list[dict[str, Any]] = []
    for label, name, permission, icon, testid in _tabs():
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        if ctx is None or ctx.person is None or not ctx.can(permission):
            continue
        shown.append({"label": label, "url": url, "icon": icon, "testid": testid, "current": False})
    here = [tab for tab in shown if request.path.startswith(tab["url"])]
    if here:
        max(here, key=lambda tab: len(tab["url"]))["current"] = True
    return shown
