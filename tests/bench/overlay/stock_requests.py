"""django-tenants in front of the measured views, nothing else."""

from tests.bench.overlay.stock import *  # noqa: F403

MIDDLEWARE = ["django_tenants.middleware.main.TenantMainMiddleware"]
INSTALLED_APPS = ["django_tenants", "tenants", "django.contrib.contenttypes", "django.contrib.auth"]
SHARED_APPS = ["django_tenants", "tenants", "django.contrib.contenttypes"]
TENANT_APPS = ["django.contrib.auth"]
