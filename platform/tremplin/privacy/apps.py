"""Django application of privacy."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from tremplin.api import Permission, Text


class PrivacyConfig(AppConfig):
    """Declares the rights and the daily work of privacy."""

    name = "tremplin.privacy"
    label = "privacy"
    verbose_name = _("Privacy")

    def ready(self) -> None:
        from tremplin.identity.roles import register_permissions
        from tremplin.identity.services import register_eraser
        from tremplin.kernel.schedules import register_schedule
        from tremplin.privacy.services import erase_contributions
        from tremplin.privacy.tasks import daily

        register_permissions(
            "privacy",
            [
                Permission(
                    code="view",
                    label=Text(en="Read the privacy register", fr="Consulter le registre"),
                    default_roles=("admin", "dpo"),
                ),
                Permission(
                    code="manage",
                    label=Text(en="Erase a person's data", fr="Effacer les données d’une personne"),
                    default_roles=("admin",),
                ),
            ],
        )
        register_eraser(erase_contributions)
        register_schedule("privacy.daily", daily, "30 2 * * *", per_tenant=True)
