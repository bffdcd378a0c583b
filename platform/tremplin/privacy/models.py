"""Requests to be erased, and the proof that it was done."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tremplin.api.models import TenantModel


class ErasureRequest(TenantModel):
    """Asked by a person or an administrator; the row stays as proof and names nobody once done."""

    person_id = models.UUIDField()
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    rows_erased = models.IntegerField(default=0)

    class Meta:
        db_table = "privacy_erasure_request"
        constraints = [
            models.UniqueConstraint(
                fields=["person_id"],
                condition=Q(cancelled_at__isnull=True, done_at__isnull=True),
                name="privacy_one_open_request",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)
