"""The connection to Stripe: never opened without a key that fits the installation."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from django.conf import settings
from django.utils.translation import gettext as _

from tremplin.billing.errors import ProviderMissing

if TYPE_CHECKING:
    from stripe import StripeClient
    from stripe._v1_services import V1Services

KEY = re.compile(r"^(sk|rk)_(test|live)_[A-Za-z0-9]{24,}$")
TIMEOUT_SECONDS = 20
RETRIES = 2


def mode() -> Literal["live", "test"]:
    """Return the mode of the installation; references of one mode mean nothing in the other."""
    return "live" if settings.STRIPE_LIVE_MODE else "test"


def key() -> str:
    """Return the secret key of the mode, perhaps empty."""
    value = settings.STRIPE_LIVE_SECRET_KEY if mode() == "live" else settings.STRIPE_TEST_SECRET_KEY
    return str(value or "")


def problems() -> tuple[str, ...]:
    """Return what keeps Stripe from being used; nothing means it can be."""
    given = key()
    if not given:
        return (str(_("No secret key of Stripe is set (TREMPLIN_STRIPE_KEY).")),)
    match = KEY.match(given)
    if match is None:
        return (str(_("The secret key of Stripe does not look like one.")),)
    if match.group(2) != mode():
        return (str(_("The key of Stripe is for the other mode (TREMPLIN_STRIPE_LIVE).")),)
    if mode() == "live" and settings.DEMO:
        return (str(_("A live key of Stripe is refused in a demonstration.")),)
    return ()


def client() -> StripeClient:
    """Return the SDK's client. Raises ``ProviderMissing`` before any connection without a key."""
    if problems():
        raise ProviderMissing("stripe")
    return _client(key(), settings.STRIPE_API_VERSION, getattr(settings, "STRIPE_API_HOST", ""))


def api() -> V1Services:
    """Return the operations of the API. Raises ``ProviderMissing`` without a key."""
    return client().v1


@lru_cache(maxsize=4)
def _client(secret: str, version: str, host: str) -> StripeClient:
    import stripe

    return stripe.StripeClient(
        secret,
        stripe_version=version,
        base_addresses={"api": host} if host else {},
        max_network_retries=RETRIES,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
    )
