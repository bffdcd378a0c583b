"""Django application of the notifications."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    """Provides the service ``notify``."""

    name = "tremplin.notifications"
    label = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        from tremplin.api import services
        from tremplin.notifications.services import NotifyService

        services.provide("notify", NotifyService())
