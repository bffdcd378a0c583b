"""A small module of the reference list."""

from django.apps import AppConfig


class ShelfConfig(AppConfig):
    name = "tests.bench.overlay.shelf"
    label = "shelf"
    default_auto_field = "django.db.models.BigAutoField"
