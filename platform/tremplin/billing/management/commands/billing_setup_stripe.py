"""``manage.py billing_setup_stripe https://host``: prepare Stripe for this installation."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tremplin.api import Problem


class Command(BaseCommand):
    """Make products, prices, the portal's configuration and both webhook endpoints."""

    tremplin_scope = "public"
    help = "Prepare Stripe: products, prices, customer portal and webhooks at the operator's host."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("origin", help="address of the operator's space, https://host")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the setup; what exists already is kept."""
        from tremplin.billing.stripe import setup

        try:
            setup.run(options["origin"], self.stdout.write)
        except Problem as problem:
            raise CommandError(str(problem)) from problem
