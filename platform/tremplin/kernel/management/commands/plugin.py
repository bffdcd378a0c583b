"""``manage.py plugin list``: every module found on this machine, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tremplin.kernel import registry


class Command(BaseCommand):
    """Exit code 0 even when modules are off: they never stop the platform."""

    help = "List the modules of this machine with version, status and reason."
    tremplin_scope = "public"

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="slug, version, status, and why a module is off")

    def handle(self, *args: Any, **options: Any) -> None:
        entries = registry.plugins()
        if not entries:
            self.stdout.write("No module is installed.")
            return
        width = max(len(entry.slug) for entry in entries)
        for entry in entries:
            version = entry.manifest.version if entry.manifest is not None else "-"
            line = f"{entry.slug:<{width}}  {version:<8}  {entry.status:<12}  {entry.problem}"
            self.stdout.write(line.rstrip())
