"""Refuses the command of django-tenants: it migrates each schema by itself."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from tenants.management.base import TenancyCommand


class Command(TenancyCommand):
    help = "Not used: see migrate."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("anything", nargs="*")

    def handle(self, *args: Any, **options: Any) -> None:
        raise CommandError(_("Use “manage.py migrate”, which migrates every schema."))
