"""Django application of tenancy: provides the service, the signals and the system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_migrate, pre_save
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = _("Spaces")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect what keeps content type ids stable, before any other application does."""
        from tenants import checks as tenancy_checks
        from tenants import contenttypes
        from tenants.service import service
        from tremplin.api import services

        post_migrate.connect(contenttypes.on_post_migrate, dispatch_uid="tenants.contenttypes")
        pre_save.connect(contenttypes.on_pre_save, dispatch_uid="tenants.contenttypes")
        for check in tenancy_checks.ALL:
            checks.register(check, "tenancy")
        for check in tenancy_checks.DEPLOY:
            checks.register(check, "tenancy", deploy=True)
        if "tenancy" not in services._table:
            services.provide("tenancy", service)
