"""Start-up of licensing."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LicensingConfig(AppConfig):
    """Plans, licences, seats and meters."""

    name = "tremplin.licensing"
    label = "licensing"
    verbose_name = _("Licences")
