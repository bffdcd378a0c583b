"""Django application of the life of modules."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ModulesConfig(AppConfig):
    """Has no table: what it writes belongs to the kernel and to the modules."""

    name = "tremplin.modules"
    label = "modules"
    verbose_name = _("Modules")

    def ready(self) -> None:
        from tremplin.kernel.schedules import register_schedule
        from tremplin.modules import checks, tasks

        checks.register_checks()
        # After the nightly look of licensing, which tells before anything is erased.
        register_schedule(
            "modules.purge_ended",
            "tremplin.modules.tasks.purge_ended",
            "45 0 * * *",
            per_tenant=True,
        )
        assert tasks.purge_due is not None  # noqa: S101  the task must be declared
