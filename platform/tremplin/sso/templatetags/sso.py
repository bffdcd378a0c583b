"""What the sign-in page needs of single sign-on."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from tremplin.sso import selectors
from tremplin.sso.selectors import LinkedIdentities, LoginButton, login_buttons

register = template.Library()


@register.simple_tag
def sso_buttons() -> list[LoginButton]:
    """Return the providers that people of this space may sign in with."""
    return login_buttons()


@register.simple_tag(takes_context=True)
def linked_identities(context: template.Context) -> LinkedIdentities:
    """Return the identities linked to the account of the person who reads the page."""
    return selectors.linked_identities(context["request"].user)


@register.simple_tag(takes_context=True)
def sso_tabs(context: template.Context) -> list[dict[str, Any]]:
    """Return the tabs above the pages of single sign-on: each address that exists."""
    entries = (
        (_("Connections"), "sso_console:index"),
        (_("Mail domains"), "sso_console:domains"),
        (_("Directory"), "sso_console:directory"),
        (_("Integration doctor"), "sso_console:doctor"),
    )
    path = context["request"].path
    tabs: list[dict[str, Any]] = []
    for label, name in entries:
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        tabs.append(
            {
                "label": label,
                "url": url,
                "current": url == path or (name != "sso_console:index" and path.startswith(url)),
            }
        )
    return tabs
