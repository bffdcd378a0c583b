"""Stores the result of the contract suite for a module, which gives its quality tier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.context import public
from tremplin.kernel import registry
from tremplin.marketplace import quality, services


class Command(BaseCommand):
    """Reads the XML report of pytest: ``pytest --junitxml=report.xml``."""

    tremplin_scope = "public"
    help = "Store the report of the contract suite for a module (pytest --junitxml)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask for the module and the report."""
        parser.add_argument("slug")
        parser.add_argument("report", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Store the report and say the tier."""
        manifest = registry.manifest_of(options["slug"])
        if manifest is None:
            raise CommandError(f"{options['slug']} is not installed here.")
        path: Path = options["report"]
        if not path.is_file():
            raise CommandError(f"{path} does not exist.")
        try:
            report = quality.read_junit(
                path.read_text(encoding="utf-8"), version=manifest.version, slug=manifest.slug
            )
        except ValueError as error:
            raise CommandError(f"{path}: {error}") from error
        with public():
            tier = services.store_report(manifest.slug, report)
        failed = ", ".join(report.failed)
        self.stdout.write(
            f"{manifest.slug} {manifest.version}: {tier or 'no tier'}"
            + (f", rules failed: {failed}" if failed else "")
        )
