"""System checks: what must never be configured otherwise."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register(checks.Tags.security)
def account_isolation(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse settings under which a credential of one space could work in another."""
    problems: list[checks.CheckMessage] = []

    def refuse(condition: bool, number: int, message: str) -> None:
        if condition:
            problems.append(checks.Error(message, id=f"identity.E{number:03}"))

    refuse(
        getattr(settings, "ALLAUTH_SETTING_GETTER", "")
        != "tremplin.identity.allauth_settings.getter",
        1,
        "ALLAUTH_SETTING_GETTER must be tremplin.identity.allauth_settings.getter.",
    )
    refuse(
        bool(settings.SESSION_COOKIE_DOMAIN or settings.CSRF_COOKIE_DOMAIN),
        2,
        "Session and CSRF cookies must stay on their host: leave the cookie domains empty.",
    )
    refuse(
        "signed_cookies" in settings.SESSION_ENGINE,
        3,
        "Sessions must be stored in the space's schema, not in signed cookies.",
    )
    refuse(
        settings.ANONYMOUS_USER_NAME is not None,
        4,
        "ANONYMOUS_USER_NAME must be None: a fake person would take a seat in every space.",
    )
    refuse(
        not settings.SESSION_COOKIE_HTTPONLY or not settings.CSRF_COOKIE_HTTPONLY,
        5,
        "Session and CSRF cookies must be out of reach of scripts.",
    )
    return problems
