"""Django application of the portal."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from tremplin.api import Permission, Text


class PortalConfig(AppConfig):
    """Layouts, components and pages that every space shows."""

    name = "tremplin.portal"
    label = "portal"
    verbose_name = _("Portal")

    def ready(self) -> None:
        from tremplin.identity.roles import register_permissions
        from tremplin.kernel.outbox import register_core_subscriber
        from tremplin.portal.services import content_was_assigned

        register_permissions(
            "portal",
            [
                Permission(
                    code="console",
                    label=Text(en="Open the console", fr="Ouvrir la console"),
                    default_roles=("admin", "manager", "trainer", "coach", "recruiter", "dpo"),
                ),
                Permission(
                    code="modules",
                    label=Text(
                        en="Start, stop and configure modules",
                        fr="Activer, arrêter et régler les modules",
                    ),
                    default_roles=("admin",),
                ),
                Permission(
                    code="branding",
                    label=Text(en="Change the brand", fr="Modifier la marque"),
                    default_roles=("admin",),
                ),
            ],
        )
        register_core_subscriber(content_was_assigned)
