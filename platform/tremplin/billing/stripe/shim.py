"""Three properties of dj-stripe 2.11.0 that read fields which left the API on 2025-03-31."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _edge(sub: Any, key: str, pick: Callable[..., Any]) -> Any:
    """Return the edge of the period of a mirrored subscription, which its items hold."""
    from djstripe.utils import convert_tstamp

    items = (sub.stripe_data.get("items") or {}).get("data") or []
    value = sub.stripe_data.get(key) or pick((i[key] for i in items if i.get(key)), default=None)
    return convert_tstamp(value) if value else None


def install() -> None:
    """Replace the properties; called when Django starts.

    The mirror's calls that name no version (features of a product) get ours instead of the SDK's.
    """
    import stripe
    from django.conf import settings
    from djstripe.models import Subscription
    from djstripe.models.billing import BaseInvoice

    stripe.api_version = settings.STRIPE_API_VERSION
    Subscription.current_period_end = property(lambda s: _edge(s, "current_period_end", min))
    Subscription.current_period_start = property(lambda s: _edge(s, "current_period_start", max))
    BaseInvoice.paid = property(lambda i: i.stripe_data.get("status") == "paid")
