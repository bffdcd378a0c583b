"""Start-up of the marketplace."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from tremplin.api import Permission, Text


class MarketplaceConfig(AppConfig):
    """The catalogue of modules and its review."""

    name = "tremplin.marketplace"
    label = "marketplace"
    verbose_name = _("Marketplace")

    def ready(self) -> None:
        """Declare the operator's right, the guard of sales, publishers' shares and the steps."""
        from tenants import steps
        from tremplin.billing import guards
        from tremplin.identity.roles import register_permissions
        from tremplin.marketplace import provisioning, schedules, services, statements

        register_permissions(
            "marketplace",
            [
                Permission(
                    code="review",
                    label=Text(
                        en="Review and stop the modules of the marketplace",
                        fr="Examiner et arrêter les modules de la place de marché",
                    ),
                    default_roles=("platform_admin",),
                ),
            ],
        )
        guards.register(services.guard_sale)
        statements.register()
        schedules.register()
        steps.register_provisioning_step("marketplace.listings", 16, provisioning.prepare)
        steps.register_purge("marketplace", provisioning.forget_tenant)
