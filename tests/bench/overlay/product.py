"""Laid over the product's settings: its tenancy alone in front of the measured views."""

ROOT_URLCONF = "tests.bench.overlay.urls"
MIDDLEWARE = ["tenants.middleware.TenancyMiddleware"]
