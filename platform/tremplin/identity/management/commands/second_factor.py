"""``manage.py second_factor <space> <e-mail>``: show or reset the second factor of an account."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import CommandError, CommandParser

from tenants.context import use
from tenants.management.base import TenancyCommand, find
from tremplin.identity import services
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import User
from tremplin.identity.normalise import normalise_email
from tremplin.identity.services.factors import REASONS
from tremplin.identity.services.record import audit_at_operator
from tremplin.kernel import audit


class Command(TenancyCommand):
    """The way back for an owner whose device is lost; audited in the space and in the operator's."""

    help = "Show the second factors of an account; --reset takes them away and ends its sessions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("space", help="address, uuid or host of the space")
        parser.add_argument("email", help="e-mail address of the account")
        parser.add_argument("--reset", choices=REASONS, help="why the factors are taken away")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = find(options["space"])
        with use(tenant), audit.actor(None, "command"):
            person = User.objects.present().filter(email=normalise_email(options["email"])).first()
            if person is None:
                raise CommandError(f"{options['email']} has no account in {tenant.slug}.")
            if not options["reset"]:
                kinds = Authenticator.objects.filter(user=person).values_list("type", flat=True)
                self.say(", ".join(sorted(kinds)) or "no second factor")
                return
            try:
                count = services.reset_second_factor(person, options["reset"])
            except IdentityError as error:
                raise CommandError(error.message) from error
        self.say(f"{person.email}: {count} factors taken away, sessions ended")
        audit_at_operator(tenant, "security.mfa_cleared", {"reason": options["reset"]})
