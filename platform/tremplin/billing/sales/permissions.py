"""Rights of sales."""

from __future__ import annotations

from tremplin.api.manifest import Permission, Text

OWN_PERMISSIONS = (
    Permission(
        code="manage",
        label=Text(
            en="Set what the space sells, see the orders and give money back",
            fr="Régler ce que l’espace vend, voir les commandes et rembourser",
        ),
        default_roles=("admin",),
    ),
    Permission(
        code="buy",
        label=Text(en="Buy in the space’s shop", fr="Acheter dans la boutique de l’espace"),
        default_roles=("learner", "candidate", "professional", "admin"),
    ),
)
