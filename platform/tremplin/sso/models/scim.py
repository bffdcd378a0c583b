"""Resources that a directory manages here."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from tremplin.identity.models import Cohort


class ScimRecord(models.Model):
    """One SCIM resource: the whole document as the directory knows it, and what it stands for.

    A user resource stands for a person, a group resource for a cohort. ``unique_key`` is the
    case-folded user name or display name; ``revision`` makes the entity tag.
    """

    tremplin_scope = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    resource_type = models.CharField(max_length=20)
    unique_key = models.CharField(max_length=300)
    external_id = models.CharField(max_length=300, blank=True, default="")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="scim_record"
    )
    cohort = models.OneToOneField(Cohort, models.CASCADE, null=True, related_name="scim_record")
    document = models.JSONField(default=dict)
    revision = models.IntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("resource_type", "unique_key"), name="scim_resource_once"
            ),
        )
        indexes = (models.Index(fields=("resource_type", "external_id"), name="scim_external"),)

    def __str__(self) -> str:
        return f"{self.resource_type} {self.pk}"


class CohortRole(models.Model):
    """Members of a directory group receive this role; groups never name a role themselves."""

    tremplin_scope = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cohort = models.ForeignKey(Cohort, models.CASCADE, related_name="directory_roles")
    role = models.CharField(max_length=40)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("cohort", "role"), name="cohort_role_once"),)

    def __str__(self) -> str:
        return f"{self.cohort_id}: {self.role}"
