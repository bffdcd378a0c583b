"""Start-up of single sign-on."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class SsoConfig(AppConfig):
    """Declares the rights of single sign-on."""

    name = "tremplin.sso"
    label = "sso"
    verbose_name = _("Single sign-on")

    def ready(self) -> None:
        """Register what other packages ask single sign-on for."""
        from tenants import steps
        from tremplin.identity import roles
        from tremplin.identity.services import register_eraser
        from tremplin.privacy import sources
        from tremplin.sso import (
            checks,  # noqa: F401
            permissions,
            privacy,
            role_sync,
            schedules,
            signals,
        )
        from tremplin.sso.oidc import platform
        from tremplin.sso.scim import startup as directory

        roles.register_permissions("sso", permissions.OWN_PERMISSIONS)
        steps.register_provisioning_step("sso.platform", 30, platform.provision)
        steps.register_schema_sync("sso.platform", platform.sync)
        steps.register_fingerprint("sso.platform", lambda: "1")
        register_eraser(privacy.erase)
        sources.register("sso", privacy.SsoPersonalData())
        schedules.register()
        signals.connect()
        role_sync.connect()
        directory.connect()
        _prepare_saml()


def _prepare_saml() -> None:
    """Put our reading of metadata, memory of sessions and mandatory sign-in in place."""
    from tremplin.sso import enforcement
    from tremplin.sso.saml import schedules

    enforcement.register()
    schedules.register()
    if settings.SAML_AVAILABLE:
        from tremplin.sso.saml import config, sessions

        config.install()
        sessions.connect()
