"""A small module of the reference list."""

from django.apps import AppConfig


class RackConfig(AppConfig):
    name = "tests.bench.overlay.rack"
    label = "rack"
    default_auto_field = "django.db.models.BigAutoField"
