"""Django application of tenancy: provides the service, the signals and the system checks."""

from __future__ import annotations

from django.apps import AppConfig, apps
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
        services.provide("tenancy", service)
        if apps.is_installed("tremplin.kernel"):
            self._join_kernel()

    @staticmethod
    def _join_kernel() -> None:
        """Declare periodic work and the readiness check (absent when only schemas are measured)."""
        from tenants.health import check_schemas
        from tremplin.kernel.health import register_check
        from tremplin.kernel.schedules import register_schedule

        register_check("schemas", check_schemas)
        register_schedule(
            "tenants.sweep_creations", "tenants.tasks.sweep_creations", "*/10 * * * *", False
        )
