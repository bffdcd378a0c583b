"""Start-up of identity."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IdentityConfig(AppConfig):
    """Declares permissions, the ``people`` service, provisioning steps and schema sync."""

    name = "tremplin.identity"
    label = "identity"
    verbose_name = _("People")

    def ready(self) -> None:
        """Register everything that other packages ask identity for."""
        from tenants import steps
        from tremplin.api import services
        from tremplin.identity import checks, provisioning, roles, signals, tokens  # noqa: F401
        from tremplin.identity.api_access import app_sign_up, authenticators
        from tremplin.identity.people_service import PeopleService, load_person
        from tremplin.identity.support import consent
        from tremplin.kernel import context

        roles.register_permissions("identity", roles.OWN_PERMISSIONS)
        roles.register_permissions("kernel", roles.KERNEL_PERMISSIONS)
        services.provide("people", PeopleService())
        context.set_person_loader(load_person)
        signals.connect()
        tokens.install()
        authenticators.register()
        app_sign_up.install()
        steps.register_schema_sync("identity.roles", roles.sync)
        steps.register_fingerprint("identity.roles", roles.fingerprint)
        steps.register_provisioning_step("identity.roles", 10, provisioning.seed_roles)
        steps.register_provisioning_step("identity.owner", 20, provisioning.create_owner)
        steps.register_provisioning_step("identity.support", 30, consent.seed)
        from tremplin.identity import schedules

        schedules.register()
