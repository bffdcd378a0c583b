"""Start-up of the marketplace."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MarketplaceConfig(AppConfig):
    """The catalogue of modules and its review."""

    name = "tremplin.marketplace"
    label = "marketplace"
    verbose_name = _("Marketplace")
