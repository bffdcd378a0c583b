"""``manage.py space_networks <space>``: show the networks of a space, or open it to all of them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from tenants import registry
from tenants.context import use
from tenants.management.base import TenancyCommand, find
from tremplin.identity.errors import IdentityError
from tremplin.identity.network import service
from tremplin.identity.network.allow_list import state
from tremplin.identity.services.record import audit_at_operator
from tremplin.kernel import audit, clock


class Command(TenancyCommand):
    """The way in for an owner who is locked out; audited in the space and in the operator's."""

    help = "Show the networks from which a space may be reached; --clear opens it to all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("space", help="address, uuid or host of the space")
        parser.add_argument("--clear", action="store_true", help="remove every range at once")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = find(options["space"])
        with use(tenant), audit.actor(None, "command"):
            if options["clear"]:
                self._clear(tenant)
                return
            found = state()
            rules = found.in_force(clock.now())
            for network in rules.networks:
                self.say(network)
            trial = " (on trial)" if found.trial_runs(clock.now()) else ""
            if rules.networks:
                self.say(f"{tenant.slug}: {rules.apply_to}{trial}")
            else:
                self.say(f"{tenant.slug}: reachable from everywhere")

    def _clear(self, tenant: registry.TenantInfo) -> None:
        try:
            before = service.clear(by="operator")
        except IdentityError as error:
            raise CommandError(error.message) from error
        self.say(f"{tenant.slug}: {len(before.networks)} ranges removed, reachable from everywhere")
        audit_at_operator(tenant, "security.networks_cleared", {"ranges": len(before.networks)})
