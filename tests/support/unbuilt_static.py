"""Settings overlay: production without the built static files, for tests of its other settings."""

from __future__ import annotations

STORAGES = {
    "default": {"BACKEND": "tenants.storage.TenantStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
