"""Django application of the profiles."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from tremplin.api import Permission, Text


class ProfilesConfig(AppConfig):
    """Provides the service ``profiles``."""

    name = "tremplin.profiles"
    label = "profiles"
    verbose_name = _("Profiles")

    def ready(self) -> None:
        from tremplin.api import services
        from tremplin.identity.roles import register_permissions
        from tremplin.profiles.selectors import ProfilesService

        register_permissions(
            "profiles",
            [
                Permission(
                    code="manage_accommodations",
                    label=Text(
                        en="Set people's accommodations",
                        fr="Définir les aménagements des personnes",
                    ),
                    default_roles=("admin", "manager", "trainer"),
                )
            ],
        )
        services.provide("profiles", ProfilesService())
