"""System checks: a wrong key is found when the server starts, not when a customer pays."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from tremplin.billing.stripe import client


@checks.register(checks.Tags.security)
def check_key(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse a malformed key, a key of the other mode, and a live key in a demonstration."""
    given = client.key()
    if not given:
        return []
    found: list[checks.CheckMessage] = []
    match = client.KEY.match(given)
    if match is None:
        found.append(
            checks.Error(
                "TREMPLIN_STRIPE_KEY is not a secret key of Stripe.",
                hint="It starts with sk_test_, sk_live_, rk_test_ or rk_live_.",
                id="tremplin.billing.E101",
            )
        )
    elif match.group(2) != client.mode():
        found.append(
            checks.Error(
                "TREMPLIN_STRIPE_KEY and TREMPLIN_STRIPE_LIVE name different modes.",
                hint="Set TREMPLIN_STRIPE_LIVE=true with a live key only.",
                id="tremplin.billing.E102",
            )
        )
    if settings.DEMO and (client.mode() == "live" or "_live_" in given):
        found.append(
            checks.Error(
                "A live key of Stripe is refused in the modes demo, dev and test.",
                hint="Use a key that starts with sk_test_.",
                id="tremplin.billing.E103",
            )
        )
    return found
