"""The Django application of the module."""

from __future__ import annotations

from django.apps import AppConfig


class SkillRadarConfig(AppConfig):
    """Registers nothing by itself: the platform asks the hooks of ``plugin.py``."""

    name = "tremplin_skill_radar"
    label = "skill_radar"
    verbose_name = "Skill radar"
