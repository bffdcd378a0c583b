"""The reference applications on django-tenants as it comes, with its recommended settings."""

from tests.bench.overlay.reference import *  # noqa: F403
from tests.bench.overlay.reference import MIDDLEWARE as COMMON
from tests.bench.overlay.reference import SHARED, TENANT, database

SHARED_APPS = ["django_tenants", "tenants", *SHARED]
TENANT_APPS = list(TENANT)
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
DATABASES = {"default": database("django_tenants.postgresql_backend")}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
MIDDLEWARE = ["django_tenants.middleware.main.TenantMainMiddleware", *COMMON]
