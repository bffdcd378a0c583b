"""Build or check the database snapshot."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from tenants import snapshot
from tenants.management.base import TenancyCommand
from tenants.snapshot import text


class Command(TenancyCommand):
    help = "Build the database snapshot from the migrations, or check that it equals them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["build", "check"])

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "check":
            wrong = snapshot.check()
            if wrong:
                raise CommandError(wrong)
            self.say(_("The snapshot equals the migrations."))
            return
        changed = text.write()
        self.say(_("The snapshot was written.") if changed else _("The snapshot did not change."))
