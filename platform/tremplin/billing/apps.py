"""Start-up of billing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


class BillingConfig(AppConfig):
    """Prices, subscriptions, invoices and providers."""

    name = "tremplin.billing"
    label = "billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        """Declare the rights, the check, the periodic work and what the demo sells."""
        from tenants import steps
        from tremplin.billing import checks, permissions, schedules
        from tremplin.billing.invoicing import schedules as invoice_schedules
        from tremplin.billing.stripe import startup as stripe
        from tremplin.identity import roles
        from tremplin.identity.api_access import scopes

        scopes.register(scopes.Scope("billing:read", _("Billing: read"), "billing.view"))
        scopes.register(scopes.Scope("billing:write", _("Billing: buy"), "billing.manage"))
        roles.register_permissions("billing", permissions.OWN_PERMISSIONS)
        checks.register_checks()
        schedules.register()
        invoice_schedules.register()
        stripe.connect()
        steps.register_demo_step("billing", 40, _seed)


def _seed(tenant: TenantInfo, world: dict[str, Any], key: str) -> None:
    from tremplin.billing import demo

    demo.seed(tenant, world, key)
