"""Start-up of licensing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


class LicensingConfig(AppConfig):
    """Plans, licences, seats and meters."""

    name = "tremplin.licensing"
    label = "licensing"
    verbose_name = _("Licences")

    def ready(self) -> None:
        """Provide ``usage`` and ``entitlements``, fill identity's port, register the steps."""
        from tenants import steps
        from tremplin.api import services
        from tremplin.identity import seats as places
        from tremplin.licensing import defaults, purging, schedules
        from tremplin.licensing.privacy import UsagePersonalData
        from tremplin.licensing.seat_port import SeatPort
        from tremplin.licensing.usage_service import EntitledService, UsageService
        from tremplin.privacy import sources

        services.provide("usage", UsageService())
        services.provide("entitlements", EntitledService())
        places.register(SeatPort())
        sources.register("licensing", UsagePersonalData())
        steps.register_provisioning_step("licensing.plan", 15, defaults.give_plan)
        steps.register_purge("licensing", purging.forget_tenant)
        steps.register_demo_step("licensing", 45, _seed)
        schedules.register()


def _seed(tenant: TenantInfo, world: dict[str, Any], key: str) -> None:
    from tremplin.licensing import demo

    demo.seed(tenant, world, key)
