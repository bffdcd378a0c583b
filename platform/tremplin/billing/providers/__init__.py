"""Billing providers by name: ours, and those of installed distributions."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from tremplin.billing.providers.base import BillingProvider

GROUP = "tremplin.billing.v1"
_OWN = {
    "invoice": "tremplin.billing.providers.invoice.InvoiceProvider",
    "free": "tremplin.billing.providers.free.FreeProvider",
    "sandbox": "tremplin.billing.providers.sandbox.SandboxProvider",
    "stripe": "tremplin.billing.providers.stripe.StripeProvider",
}


@cache
def get(slug: str) -> BillingProvider:
    """Return the provider called ``slug``. Raises ``LookupError`` for an unknown name."""
    if slug in _OWN:
        try:
            return cast(BillingProvider, import_string(_OWN[slug])())
        except ImportError as error:
            raise LookupError(slug) from error
    for point in entry_points(group=GROUP, name=slug):
        return cast(BillingProvider, point.load()())
    raise LookupError(slug)


def default_slug() -> str:
    """Return the provider of a new account: the one set, else a test card (demo) or a transfer."""
    if settings.BILLING_PROVIDER:
        return str(settings.BILLING_PROVIDER)
    return "sandbox" if settings.MODE in {"demo", "test"} else "invoice"
