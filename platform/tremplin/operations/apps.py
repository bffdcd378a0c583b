"""Django application of the operations."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from tremplin.api import Permission, Text


class OperationsConfig(AppConfig):
    """Declares the operator's right and what a new space needs."""

    name = "tremplin.operations"
    label = "operations"
    verbose_name = _("Operations")

    def ready(self) -> None:
        from tenants import steps
        from tremplin.identity.roles import register_permissions
        from tremplin.kernel.schedules import register_schedule
        from tremplin.operations.reseller import cloning
        from tremplin.operations.tasks import forget_pending

        register_permissions(
            "operations",
            [
                Permission(
                    code="platform",
                    label=Text(en="Run the platform", fr="Exploiter la plateforme"),
                    default_roles=("platform_admin",),
                ),
                Permission(
                    code="plans",
                    label=Text(
                        en="Set plans, prices and coupons",
                        fr="Régler les formules, les prix et les codes de réduction",
                    ),
                    default_roles=("platform_admin",),
                ),
                Permission(
                    code="revenue",
                    label=Text(
                        en="See the revenue and record payments",
                        fr="Voir les revenus et enregistrer les paiements",
                    ),
                    default_roles=("platform_admin", "billing"),
                ),
                Permission(
                    code="export",
                    label=Text(en="Export the whole space", fr="Exporter tout l’espace"),
                    default_roles=("admin",),
                ),
            ],
        )
        register_permissions(
            "reseller",
            [
                Permission(
                    code="view",
                    label=Text(
                        en="See the clients of the reseller", fr="Voir les clients du revendeur"
                    ),
                    default_roles=("reseller_owner", "reseller_staff"),
                ),
                Permission(
                    code="manage",
                    label=Text(
                        en="Create and configure the clients of the reseller",
                        fr="Créer et configurer les clients du revendeur",
                    ),
                    default_roles=("reseller_owner",),
                ),
            ],
        )
        steps.register_provisioning_step("operations.recipe", 60, cloning.apply)
        register_schedule(
            "operations.forget_pending", forget_pending, "15 * * * *", per_tenant=True
        )
