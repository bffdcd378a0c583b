"""What account pages ask of the space's policy."""

from __future__ import annotations

from django import template

from tremplin.identity import identity_settings, sign_in_rules
from tremplin.identity.internal.hosts import on_primary_host

register = template.Library()


@register.simple_tag
def signup_policy() -> str:
    """Return ``invitation``, ``open`` or ``domain``."""
    return identity_settings.current().signup


@register.simple_tag
def space_contact() -> str:
    """Return the address shown to people who are stuck, or an empty string."""
    return identity_settings.current().contact_email


@register.simple_tag
def code_offered() -> bool:
    """Tell whether people of the space sign in with a code sent by mail."""
    return identity_settings.current().login_by_code


@register.simple_tag(takes_context=True)
def passkey_offered(context: template.Context) -> bool:
    """Tell whether people sign in with a passkey here: on the primary address of the space."""
    return identity_settings.current().passkeys and on_primary_host(context["request"])


@register.simple_tag(takes_context=True)
def password_closed(context: template.Context) -> sign_in_rules.Refusal | None:
    """Return why nobody but the owner needs the password form, None to show it.

    It comes back with ``?password``, the owner's way in when the provider is broken, and with the
    errors of what was typed in it.
    """
    form = context.get("form")
    if "password" in context["request"].GET or (form is not None and form.is_bound):
        return None
    return sign_in_rules.refusal("", "password")


@register.simple_tag(takes_context=True)
def second_factor_due(context: template.Context) -> bool:
    """Tell whether the person must set up a second factor before anything else."""
    from tremplin.identity import mfa

    request = context["request"]
    return request.user.is_authenticated and mfa.must_enrol(request.user, request.session)
