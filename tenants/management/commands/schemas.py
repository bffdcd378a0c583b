"""Show and verify the state of every schema; drop those that no space uses."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from tenants.archive.restore import discard_schema
from tenants.management.base import TenancyCommand
from tenants.migrator import status


class Command(TenancyCommand):
    help = "Show the state of every schema (status), compare them all (verify), drop an unused one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["status", "verify", "drop"])
        parser.add_argument("schema", nargs="?", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action']}")(options["schema"])

    def _status(self, _schema: str) -> None:
        for row in status.rows():
            self.say(
                f"{row.schema_name:44} {row.status:8} {row.fingerprint[:12]:12} "
                f"{row.duration_ms if row.duration_ms is not None else '-':>6} ms  {row.owner}"
            )
            if row.error:
                self.say(f"    {row.error.strip().splitlines()[-1]}")
        for name in status.unused():
            self.say(f"{name:44} " + _("unused"))

    def _verify(self, _schema: str) -> None:
        wrong = status.verify()
        for line in wrong:
            self.say(line)
        if wrong:
            raise CommandError(_("Some schemas differ from the template."))
        self.say(_("Every schema equals the template."))

    def _drop(self, schema: str) -> None:
        if schema not in status.unused():
            raise CommandError(
                _("“%(schema)s” is not an unused schema: see “manage.py schemas status”.")
                % {"schema": schema}
            )
        discard_schema(schema)
        self.say(_("The schema “%(schema)s” was dropped.") % {"schema": schema})
