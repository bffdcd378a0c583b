"""Django app of the kernel's tenant tables."""

from __future__ import annotations

from django.apps import AppConfig


class KernelConfig(AppConfig):
    """Provides the kernel's services once every model is loaded."""

    name = "tremplin.kernel"
    label = "kernel"
    verbose_name = "Kernel"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tremplin.kernel.wiring import provide_services

        provide_services()
