"""Rights of billing."""

from __future__ import annotations

from tremplin.api.manifest import Permission, Text

OWN_PERMISSIONS = (
    Permission(
        code="view",
        label=Text(
            en="See the plan, the usage and the invoices",
            fr="Voir la formule, la consommation et les factures",
        ),
        default_roles=("admin", "manager"),
    ),
    Permission(
        code="manage",
        label=Text(
            en="Buy, change and end subscriptions",
            fr="Acheter, modifier et résilier les abonnements",
        ),
        default_roles=("admin",),
    ),
)
