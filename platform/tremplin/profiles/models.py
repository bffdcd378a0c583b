"""Accommodations: what a person needs, never why."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from tremplin.api.models import TenantModel


class AccommodationPassport(TenantModel):
    """Set once, honoured by every module; the reason is not stored anywhere."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="accommodation"
    )
    extra_time_numerator = models.IntegerField(default=0)
    extra_time_denominator = models.IntegerField(default=1)
    no_audio = models.BooleanField(default=False)
    larger_text = models.BooleanField(default=False)
    reduced_motion = models.BooleanField(default=False)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "profiles_accommodation"
        constraints = [
            models.CheckConstraint(
                condition=Q(extra_time_numerator__gte=0)
                & Q(extra_time_denominator__gte=1)
                & Q(extra_time_numerator__lte=F("extra_time_denominator") * 3),
                name="profiles_extra_time_0_to_3",
            )
        ]

    def __str__(self) -> str:
        return f"{self.extra_time_numerator}/{self.extra_time_denominator}"
