"""``manage.py invoices verify``: compare invoices with what was finalised."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tremplin.billing.invoicing import integrity


class Command(BaseCommand):
    """Exit code 0 when everything holds, 1 with every fault named otherwise."""

    help = "Verify the numbers, contents and files of every final invoice."
    tremplin_scope = "public"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify"])
        parser.add_argument(
            "--files", action="store_true", help="also read the stored XML and PDF files"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        report = integrity.verify(with_files=options["files"])
        for finding in report.findings:
            self.stdout.write(f"{finding.number}: {finding.reason}")
        if not report.ok:
            raise CommandError(f"{len(report.findings)} faults in {report.invoices} invoices.")
        self.stdout.write(f"{report.invoices} invoices in {report.series} series hold.")
