"""What the module keeps, in the tables of each space."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from tremplin.api.models import TenantModel


class Target(TenantModel):
    """The level, in percent, that a person wants to reach in one skill."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    skill = models.CharField(_("skill"), max_length=80)
    level = models.PositiveSmallIntegerField(_("level"))
    set_at = models.DateTimeField(_("set"))

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        constraints = [
            models.UniqueConstraint(fields=["person", "skill"], name="skill_radar_target_once"),
            models.CheckConstraint(
                condition=models.Q(level__gte=1, level__lte=100), name="skill_radar_level_1_to_100"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.skill} {self.level}"
