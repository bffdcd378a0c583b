"""Migrate the whole fleet; replaces Django's command and that of django-tenants."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db.migrations.autodetector import MigrationAutodetector
from django.utils.translation import gettext as _

from tenants import setup
from tenants.errors import MigratorBusy
from tenants.management.base import TenancyCommand
from tenants.migrator import Options, migrate_all
from tenants.migrator.run import pending_summary

BUSY = 3


class Command(TenancyCommand):
    # Django compares it with that of makemigrations: both must find the same changes.
    autodetector = MigrationAutodetector
    help = "Bring public, the template and every space to what the code expects."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="exit 1 when there is work to do")
        parser.add_argument("--plan", action="store_true", help="show the work, do nothing")
        parser.add_argument("--tenant", default="", help="address of the only space to migrate")
        parser.add_argument("--canary", action="append", default=[], help="space to migrate first")
        parser.add_argument("--workers", type=int, default=0, help="processes (0: by itself)")
        # Accepted for programs that call Django's command.
        parser.add_argument("--noinput", "--no-input", action="store_false", dest="interactive")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"] or options["plan"]:
            lines = pending_summary()
            for line in lines:
                self.say(line)
            if not lines:
                self.say(_("Everything is current."))
            elif options["check"]:
                sys.exit(1)
            return
        if setup.is_empty() and not options["tenant"]:
            setup.ensure_database(self.report)
            self.say(_("The database is ready."))
            return
        try:
            result = migrate_all(
                Options(
                    tenant=options["tenant"],
                    canaries=tuple(options["canary"]),
                    workers=options["workers"],
                ),
                self.report,
            )
        except MigratorBusy as error:
            raise CommandError(str(error), returncode=BUSY) from error
        self.say(
            _("%(migrated)d migrated, %(unchanged)d unchanged, %(failed)d failed in %(time).1f s.")
            % {
                "migrated": len(result.migrated),
                "unchanged": result.unchanged,
                "failed": len(result.failed),
                "time": result.seconds,
            }
        )
        if result.failed:
            raise CommandError(
                _("These schemas were not migrated: %(names)s. See “manage.py schemas status”.")
                % {"names": ", ".join(sorted(result.failed))}
            )
