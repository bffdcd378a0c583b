"""An action on several people, from its preview to its end."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from tremplin.identity.models.cohorts import Cohort
from tremplin.identity.models.people import User


class BulkAction(models.Model):
    """Who was chosen, what is to happen to them, and how far it went.

    The people are fixed when the preview is shown, so that confirming never reaches someone whom
    the preview did not name. ``position`` counts the people already handled, in order.
    """

    tremplin_scope = "tenant"

    class State(models.TextChoices):
        PREVIEW = "preview"
        RUNNING = "running"
        DONE = "done"
        STOPPED = "stopped"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    actor = models.ForeignKey(User, models.CASCADE, related_name="+")
    action = models.CharField(max_length=20)
    role = models.CharField(max_length=40, blank=True, default="")
    cohort = models.ForeignKey(Cohort, models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=300, blank=True, default="")
    notify = models.CharField(max_length=10, blank=True, default="")
    people = ArrayField(models.UUIDField(), default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PREVIEW)
    position = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=("actor", "-created_at"), name="bulk_action_actor"),)

    def __str__(self) -> str:
        return f"{self.action} {self.pk}"
