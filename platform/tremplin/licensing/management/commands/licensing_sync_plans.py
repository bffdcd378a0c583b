"""``manage.py licensing_sync_plans``: bring the plans up to date with the catalogue."""

from __future__ import annotations

from typing import Any

from tenants.context import public
from tenants.management.base import TenancyCommand
from tremplin.licensing import defaults, plans_catalogue


class Command(TenancyCommand):
    """Safe to run at every deployment: a second run changes nothing."""

    help = (
        "Make a new version of each plan whose content changed, never touching one that was sold, "
        "and give the default plan to the spaces that have none."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with public():
            done = plans_catalogue.sync()
            given = defaults.give_missing()
        self.say(f"new plans: {', '.join(done.created) or 'none'}")
        self.say(f"new versions: {', '.join(done.renewed) or 'none'}")
        self.say(f"spaces that received the default plan: {', '.join(given) or 'none'}")
