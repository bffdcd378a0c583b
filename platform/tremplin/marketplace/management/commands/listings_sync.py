"""Brings the listings of the marketplace up to date with the installed modules."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from tenants.context import public
from tremplin.marketplace import services


class Command(BaseCommand):
    """Adds a listing per new module and a version per new version."""

    tremplin_scope = "public"
    help = "Bring the marketplace up to date with the installed modules."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the synchronisation and say what was added."""
        with public():
            added = services.sync()
        self.stdout.write(", ".join(added) or "Everything was there already.")
