"""The Django application of the module."""

from __future__ import annotations

from django.apps import AppConfig


class SampleModuleConfig(AppConfig):
    """Registers nothing by itself: the platform asks the hooks of ``plugin.py``."""

    name = "tremplin_sample_module"
    label = "sample_module"
    verbose_name = "Sample module"
