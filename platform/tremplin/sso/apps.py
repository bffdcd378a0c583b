"""Start-up of single sign-on."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SsoConfig(AppConfig):
    """Declares the rights of single sign-on."""

    name = "tremplin.sso"
    label = "sso"
    verbose_name = _("Single sign-on")

    def ready(self) -> None:
        """Register what other packages ask single sign-on for."""
        from tremplin.identity import roles
        from tremplin.sso import permissions

        roles.register_permissions("sso", permissions.OWN_PERMISSIONS)
