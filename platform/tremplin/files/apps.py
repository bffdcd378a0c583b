"""Django app of stored files."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FilesConfig(AppConfig):
    """Provides the service ``files``."""

    name = "tremplin.files"
    label = "files"
    verbose_name = _("Files")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tremplin.api import services
        from tremplin.files.service import FilesService

        services.provide("files", FilesService())
