"""Start-up of billing."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    """Prices, subscriptions, invoices and providers."""

    name = "tremplin.billing"
    label = "billing"
    verbose_name = _("Billing")
