"""Start-up of the sales to learners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


class SalesConfig(AppConfig):
    """Orders and payments of people, in the schema of the school that sells."""

    name = "tremplin.billing.sales"
    label = "sales"
    verbose_name = _("Sales to learners")

    def ready(self) -> None:
        """Declare the rights, what is kept about people, and what the demo sells."""
        from tenants import steps
        from tremplin.billing.sales import permissions
        from tremplin.billing.sales.privacy import SalesPersonalData
        from tremplin.identity import roles
        from tremplin.privacy import sources

        roles.register_permissions("sales", permissions.OWN_PERMISSIONS)
        sources.register("sales", SalesPersonalData())
        steps.register_demo_step("sales", 45, _seed)


def _seed(tenant: TenantInfo, world: dict[str, Any], key: str) -> None:
    from tremplin.billing.sales import demo

    demo.seed(tenant, world, key)
