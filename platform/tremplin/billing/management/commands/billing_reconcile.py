"""``manage.py billing_reconcile``: compare provider, payments, invoices, ledger and licences."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from typing import Any

from tenants.context import public
from tenants.management.base import TenancyCommand
from tremplin.billing import reconciliation


class Command(TenancyCommand):
    """Exit status 1 when a difference is left."""

    help = "Find and explain every difference between providers, ledger, invoices and licences."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--repair",
            action="store_true",
            help="apply what was reported, ask the providers, bring licences back to the invoices",
        )
        parser.add_argument("--days", type=int, default=30, help="how far back to ask providers")

    def handle(self, *args: Any, **options: Any) -> None:
        with public():
            found = reconciliation.run(
                repair=options["repair"], since=timedelta(days=options["days"])
            )
        for difference in found:
            self.say(str(difference))
        left = sum(not difference.is_repaired for difference in found)
        self.say(f"{len(found)} differences, {left} left")
        if left:
            sys.exit(1)
