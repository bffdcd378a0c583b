"""Rights handed out by mail: invitations and password resets. Only hashes are kept."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from tremplin.identity.models.cohorts import Cohort
from tremplin.identity.models.people import User


class Invitation(models.Model):
    """A single-use, expiring right to open one account; only the token's hash is kept."""

    tremplin_scope = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    token_hash = models.CharField(max_length=64, unique=True)
    roles = ArrayField(models.CharField(max_length=40), default=list)
    cohorts = models.ManyToManyField(Cohort, blank=True, related_name="+")
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=("email",), name="invitation_email"),)

    def __str__(self) -> str:
        return str(self.pk)

    def is_open(self) -> bool:
        """Tell whether the link still works (real clock)."""
        return (
            self.accepted_at is None
            and self.revoked_at is None
            and self.expires_at > timezone.now()
        )


class PasswordResetToken(models.Model):
    """The hash of a password reset link; used once, then deleted with its siblings."""

    tremplin_scope = "tenant"

    person = models.ForeignKey(User, models.CASCADE, related_name="reset_tokens")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)
