"""System check of billing: nobody takes test cards for money."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from tremplin.billing.providers import default_slug


def register_checks() -> None:
    """Register the check (``BillingConfig.ready``)."""
    checks.register(check_sandbox, checks.Tags.security, deploy=False)


def check_sandbox(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """The simulated card is never the provider of a production install (billing.E001)."""
    if settings.MODE == "production" and default_slug() == "sandbox":
        return [
            checks.Error(
                "The simulated card would open paid plans for nothing.",
                hint="Set TREMPLIN_BILLING_PROVIDER to invoice or stripe.",
                id="billing.E001",
            )
        ]
    return []
