"""Who owns the space, and which spaces an account of the operator's space may look for."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from tremplin.identity.models.people import User


class SpaceOwner(models.Model):
    """The one person who owns the space; she cannot be removed before passing it on."""

    tremplin_scope = "tenant"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    person = models.OneToOneField(User, models.PROTECT, related_name="ownership")

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(id=1), name="space_has_one_owner"),
        )

    def __str__(self) -> str:
        return str(self.person_id)


class TenantMembership(models.Model):
    """In the operator's space only: which spaces an account may look for. Grants nothing."""

    tremplin_scope = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(User, models.CASCADE, related_name="tenant_memberships")
    tenant_uuid = models.UUIDField()
    role_hint = models.CharField(max_length=40, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("account", "tenant_uuid"), name="account_tenant_once"),
        )

    def __str__(self) -> str:
        return f"{self.account_id}/{self.tenant_uuid}"
