"""Abstract Django models for plugins; foreign keys to core go to the user model only."""

from __future__ import annotations

import uuid

from django.db import models

SCOPE_ATTRIBUTE = "tremplin_scope"


class TenantModel(models.Model):
    """A row that belongs to one tenant's schema, with a UUID made in Python."""

    tremplin_scope = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True


class TimeStampedModel(TenantModel):
    """A tenant row that knows when it was created and last changed (business clock, UTC)."""

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
