"""``manage.py verify_audit_chain``: recompute the audit chain of one space or of all."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tremplin.api import services
from tremplin.kernel import audit


class Command(BaseCommand):
    """Exit code 0 when every chain holds, 1 with the broken row named otherwise."""

    help = "Verify the hash chain of the audit log of one space (--tenant slug) or of all."
    tremplin_scope = "public"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", default="", help="slug of one space; all when absent")

    def handle(self, *args: Any, **options: Any) -> None:
        tenancy = services.tenancy()
        chosen = [t for t in tenancy.active() if options["tenant"] in ("", t.slug)]
        if not chosen:
            raise CommandError(f"There is no active space {options['tenant']!r}.")
        broken = 0
        for tenant in chosen:
            with tenancy.use(tenant):
                report = audit.verify()
            if report.ok:
                self.stdout.write(f"{tenant.slug}: {report.rows} rows, chain holds")
            else:
                broken += 1
                self.stdout.write(f"{tenant.slug}: row {report.broken_id}: {report.reason}")
        if broken:
            raise CommandError(f"{broken} of {len(chosen)} chains are broken.")
