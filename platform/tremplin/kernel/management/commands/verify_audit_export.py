"""``manage.py verify_audit_export <file>``: check the signed archive of an audit log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tremplin.api import services
from tremplin.kernel import audit_export


class Command(BaseCommand):
    """Exit code 0 when the archive is what the space signed, 1 with the reasons otherwise."""

    help = "Check the signed archive of an audit log, against the key of a space (--tenant slug)."
    tremplin_scope = "public"
    requires_system_checks: list[str] = []  # noqa: RUF012  the parent class declares it so

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the archive")
        parser.add_argument("--tenant", default="", help="slug of the space that made it")
        parser.add_argument("--key", default="", help="public key of the space, in base64")

    def handle(self, *args: Any, **options: Any) -> None:
        key = options["key"]
        if options["tenant"]:
            tenancy = services.tenancy()
            tenant = next((t for t in tenancy.active() if t.slug == options["tenant"]), None)
            if tenant is None:
                raise CommandError(f"There is no active space {options['tenant']!r}.")
            with tenancy.use(tenant):
                key = audit_export.public_key()
        try:
            with Path(options["file"]).open("rb") as file:
                problems = audit_export.check(file, expected_key=key)
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from None
        for problem in problems:
            self.stdout.write(problem)
        if problems:
            raise CommandError("The archive cannot be trusted.")
        self.stdout.write("the archive is what the space signed")
