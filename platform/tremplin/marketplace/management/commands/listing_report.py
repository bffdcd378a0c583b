"""Stores the result of the contract suite for a module, which gives its quality tier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.context import public
from tremplin.kernel import registry
from tremplin.marketplace import quality, screenshots, services
from tremplin.modules import checking


class Command(BaseCommand):
    """Reads the XML report of pytest (``--junitxml``), or runs the suite itself (``--run``)."""

    tremplin_scope = "public"
    help = "Store the report of the contract suite for a module, which gives its quality tier."

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask for the module and where its report comes from."""
        parser.add_argument("slug")
        parser.add_argument("report", type=Path, nargs="?", help="XML written by pytest --junitxml")
        parser.add_argument(
            "--run", action="store_true", help="run the suite and the module's own tests now"
        )
        parser.add_argument(
            "--ship",
            action="store_true",
            help="write the report into the module's package instead of the catalogue",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Store the report and say the tier."""
        entry = registry.get(options["slug"])
        if entry is None or entry.manifest is None:
            raise CommandError(f"{options['slug']} is not installed here.")
        folder = screenshots.package_folder(entry)
        if folder is None:
            raise CommandError(f"{options['slug']} has no package.")
        text = self._text(options, folder)
        manifest = entry.manifest
        try:
            report = quality.read_junit(text, version=manifest.version, slug=manifest.slug)
        except ValueError as error:
            raise CommandError(f"{options['report']}: {error}") from error
        if options["ship"]:
            quality.write_shipped(folder, report)
            tier: str = quality.tier_of(report)
        else:
            with public():
                tier = services.store_report(manifest.slug, report)
        failed = ", ".join(report.failed)
        self.stdout.write(
            f"{manifest.slug} {manifest.version}: {tier or 'no tier'}"
            + (f", rules failed: {failed}" if failed else "")
        )

    def _text(self, options: dict[str, Any], folder: Path) -> str:
        path: Path | None = options["report"]
        if options["run"]:
            try:
                return checking.examine(options["slug"], folder)
            except checking.CheckError as error:
                raise CommandError(str(error)) from error
        if path is None:
            raise CommandError("Give the report, or --run to run the suite.")
        if not path.is_file():
            raise CommandError(f"{path} does not exist.")
        return path.read_text(encoding="utf-8")
