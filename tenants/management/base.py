"""What the commands of tenancy share: finding a space, and errors of one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils.translation import gettext as _

from tenants import registry
from tenants.context import public
from tenants.errors import TenancyError
from tenants.registry import TenantInfo


class TenancyCommand(BaseCommand):
    """A command whose foreseeable errors are one clear sentence and a non-zero exit."""

    tremplin_scope = "public"

    requires_system_checks: list[str] = []  # noqa: RUF012  the parent class declares it so

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            with public():
                return super().execute(*args, **options)
        except TenancyError as error:
            raise CommandError(str(error)) from error
        except OperationalError as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise CommandError(
                _("The database does not answer (%(reason)s): check DATABASE_URL.")
                % {"reason": reason}
            ) from error

    def say(self, text: str) -> None:
        """Write one line for the person who runs the command."""
        self.stdout.write(text)

    @property
    def report(self) -> Callable[[str], None]:
        """The progress writer of long steps."""
        return self.say


def find(key: str) -> TenantInfo:
    """Return the space with the address, uuid or host ``key``. Raises ``CommandError``."""
    found = registry.by_slug(key) or registry.by_host(key)
    if found is None:
        try:
            found = registry.by_uuid(UUID(key))
        except ValueError:
            found = None
    if found is None:
        raise CommandError(
            _("There is no space “%(key)s”: see “manage.py tenant list”.") % {"key": key}
        )
    return found
