"""Lists of people between their check and their import."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from tremplin.identity.models.people import User


class ImportUpload(models.Model):
    """A list of people kept between its check and its import, for one session only."""

    tremplin_scope = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, models.CASCADE, related_name="+")
    session_hash = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    content = models.BinaryField()
    default_role = models.CharField(max_length=40)
    default_cohort = models.CharField(max_length=120, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    applied_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
