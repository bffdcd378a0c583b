"""``manage.py startplugin "Skill radar" --dir …``: a module of its own, ready to be checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tremplin.kernel import registry
from tremplin.modules import scaffold


class Command(BaseCommand):
    """Writes files only; needs no database."""

    help = "Make a new module, a distribution of its own, in a new folder."
    tremplin_scope = "public"
    requires_system_checks: list[str] = []  # noqa: RUF012  the parent class declares it so

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what people read, as in “Skill radar”")
        parser.add_argument("--dir", required=True, type=Path, help="new folder to write")
        parser.add_argument("--fr", default="", help="the name in French (the same otherwise)")

    def handle(self, *args: Any, **options: Any) -> None:
        taken = frozenset(entry.slug for entry in registry.plugins())
        try:
            names = scaffold.names_of(options["name"], options["fr"])
            files = scaffold.create(names, options["dir"], taken=taken)
        except scaffold.ScaffoldError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{names.title}: {len(files)} files in {options['dir']}.")
        self.stdout.write(f"Check it: python3 manage.py plugin check {options['dir']}")
