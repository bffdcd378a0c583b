"""Django without any tenancy, on the same database: what a request costs anyway."""

from tests.bench.overlay.reference import *  # noqa: F403
from tests.bench.overlay.reference import database

INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
DATABASES = {"default": database("django.db.backends.postgresql")}
MIDDLEWARE: list[str] = []
