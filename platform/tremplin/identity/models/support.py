"""Visits of the operator's or the reseller's staff, in the space that is viewed."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from tremplin.identity.models.people import User


class SupportAccess(models.Model):
    """One visit "as" a person of the space: who, why, until when. It is never deleted by hand.

    ``token_hash`` opens the visit once, on this space's own address; the account of the visitor
    lives in another schema, so it is an id without foreign key.
    """

    tremplin_scope = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, models.CASCADE, related_name="support_accesses")
    viewer_tenant = models.UUIDField()
    viewer_account = models.UUIDField()
    viewer_name = models.CharField(max_length=200, blank=True, default="")
    viewer_space = models.CharField(max_length=120, blank=True, default="")
    reason = models.CharField(max_length=300)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    opened_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return str(self.pk)
