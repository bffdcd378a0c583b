"""What account pages ask of the space's policy."""

from __future__ import annotations

from django import template

from tremplin.identity import identity_settings

register = template.Library()


@register.simple_tag
def signup_policy() -> str:
    """Return ``invitation``, ``open`` or ``domain``."""
    return identity_settings.current().signup


@register.simple_tag
def space_contact() -> str:
    """Return the address shown to people who are stuck, or an empty string."""
    return identity_settings.current().contact_email
