"""First steps of a space that cannot be derived from other data."""

from __future__ import annotations

from django.db import models

from tremplin.api.models import TenantModel


class OnboardingStep(TenantModel):
    """A step of the checklist that somebody has taken."""

    key = models.SlugField(max_length=40, unique=True)
    done_at = models.DateTimeField()

    class Meta:
        db_table = "portal_onboarding_step"

    def __str__(self) -> str:
        return self.key
