"""The reference list of applications, shared by both sides of the comparison."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote, urlsplit

WAGTAIL = [
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.embeds",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
]
SHARED = [
    "django.contrib.contenttypes",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "djstripe",
]
TENANT = [
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    *WAGTAIL,
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "guardian",
    "tests.bench.overlay.shelf",
    "tests.bench.overlay.rack",
]


def database(engine: str, *, pool: bool = True) -> dict[str, Any]:
    """Return ``DATABASES["default"]`` for the address in ``DATABASE_URL``."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    options = {"pool": {"min_size": 1, "max_size": 8, "timeout": 30}} if pool else {}
    return {
        "ENGINE": engine,
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname,
        "PORT": str(parts.port),
        "CONN_MAX_AGE": 0,
        "OPTIONS": options,
    }


SECRET_KEY = "measurements only, never served"
ROOT_URLCONF = "tests.bench.overlay.urls"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
STATIC_URL = "/static/"
MEDIA_ROOT = os.environ.get("BENCH_FOLDER", "")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ANONYMOUS_USER_NAME = None
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
LANGUAGE_CODE = "en"
LANGUAGES = [("fr", "French"), ("en", "English")]
HQ_HOST, SPACES_DOMAIN, PUBLIC_SCHEME, PUBLIC_PORT = "hq.localhost", "localhost", "http", None
TENANT_MODEL, TENANT_DOMAIN_MODEL = "tenants.Tenant", "tenants.Domain"
DJSTRIPE_SUBSCRIBER_MODEL = "tenants.Tenant"
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
DJSTRIPE_USE_NATIVE_JSONFIELD = True
STRIPE_TEST_SECRET_KEY = "sk_test_none"
STRIPE_LIVE_MODE = False
WAGTAIL_SITE_NAME = "measurements"
WAGTAILADMIN_BASE_URL = "http://localhost"
SILENCED_SYSTEM_CHECKS = ["guardian.W001", "djstripe.C001", "djstripe.I001"]
if migrations := os.environ.get("BENCH_MIGRATIONS"):
    MIGRATION_MODULES = {"shelf": migrations}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "root": {"handlers": ["null"], "level": "ERROR"},
}
