"""Holders of a version of a plan that move to another one, at a date that they were told."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tremplin.licensing.models import License, PlanVersion


class VersionMove(models.Model):
    """One licence that goes to ``target`` at ``effective_at``: the start of a period it pays."""

    tremplin_scope = "public"

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        APPLIED = "applied", _("Applied")
        CANCELED = "canceled", _("Canceled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    license = models.ForeignKey(License, models.CASCADE, related_name="moves")
    target = models.ForeignKey(PlanVersion, models.PROTECT, related_name="+")
    effective_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    noticed_at = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("license",), condition=Q(state="waiting"), name="billing_one_move_waits"
            ),
        )
        indexes = (
            models.Index(
                fields=("effective_at",), condition=Q(state="waiting"), name="billing_move_due"
            ),
        )

    def __str__(self) -> str:
        return f"{self.license_id} {self.state}"
