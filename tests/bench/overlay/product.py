"""Laid over the product's settings: the measured views instead of its pages."""

ROOT_URLCONF = "tests.bench.overlay.urls"
