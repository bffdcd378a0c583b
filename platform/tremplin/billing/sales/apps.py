"""Start-up of the sales to learners."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SalesConfig(AppConfig):
    """Orders and payments of people, in the schema of the school that sells."""

    name = "tremplin.billing.sales"
    label = "sales"
    verbose_name = _("Sales to learners")

    def ready(self) -> None:
        """Declare the rights, and what is kept about people."""
        from tremplin.billing.sales import permissions
        from tremplin.billing.sales.privacy import SalesPersonalData
        from tremplin.identity import roles
        from tremplin.privacy import sources

        roles.register_permissions("sales", permissions.OWN_PERMISSIONS)
        sources.register("sales", SalesPersonalData())
