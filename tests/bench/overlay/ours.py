"""The reference applications on our tenancy."""

from tests.bench.overlay.reference import *  # noqa: F403
from tests.bench.overlay.reference import SHARED, TENANT, database

SHARED_APPS = ["tenants", "django_tenants", *SHARED]
TENANT_APPS = list(TENANT)
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
DATABASES = {"default": database("tenants.db")}
DATABASE_ROUTERS = ["tenants.routers.TenancyRouter"]
TENANT_SYNC_ROUTER = "tenants.routers.TenancyRouter"
TENANT_LIMIT_SET_CALLS = True
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "KEY_FUNCTION": "tenants.cache.make_key",
        "REVERSE_KEY_FUNCTION": "tenants.cache.reverse_key",
    }
}
STORAGES = {
    "default": {"BACKEND": "tenants.storage.TenantStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
