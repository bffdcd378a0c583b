"""Django app of the kernel's public tables."""

from __future__ import annotations

from django.apps import AppConfig


class StateConfig(AppConfig):
    """Public rows name the tenant by integer, without foreign key."""

    name = "tremplin.kernel.state"
    label = "kernel_state"
    verbose_name = "Kernel state"
    default_auto_field = "django.db.models.BigAutoField"
