"""Rights of single sign-on."""

from __future__ import annotations

from tremplin.api.manifest import Permission, Text

OWN_PERMISSIONS = (
    Permission(
        code="manage_sso",
        label=Text(
            en="Set up single sign-on and the directory",
            fr="Régler la connexion unique et l’annuaire",
        ),
        default_roles=("admin",),
    ),
)
