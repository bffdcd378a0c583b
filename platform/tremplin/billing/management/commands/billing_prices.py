"""``manage.py billing_prices``: give the plans of a fresh installation their first prices."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from tenants.management.base import TenancyCommand
from tremplin.billing import price_list
from tremplin.billing.money import major
from tremplin.licensing import plans_catalogue


class Command(TenancyCommand):
    """Safe to run at every deployment: a price that exists is never touched."""

    help = (
        "Create the prices that plans on sale lack, from the standard list in euros. Change them "
        "afterwards in the operator's console."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Let the operator look first."""
        super().add_arguments(parser)
        parser.add_argument(
            "--dry-run", action="store_true", help="say what is missing and create nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["dry_run"]:
            plans_catalogue.sync()
        wanted = price_list.missing()
        if not options["dry_run"]:
            price_list.create_missing()
        for item in wanted:
            amount = major(item.amount_minor, item.currency)
            self.say(f"{item.version.plan.key} {item.interval}: {amount} {item.currency}")
        self.say(f"{'missing' if options['dry_run'] else 'created'}: {len(wanted)}")
