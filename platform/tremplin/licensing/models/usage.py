"""Counters of what is consumed: one row per tenant, feature, subject and period."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class UsageBucket(models.Model):
    """Units used and held in one period; ``subject`` is empty for the space, else a person's id."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.BigIntegerField()
    feature = models.CharField(max_length=80)
    subject = models.CharField(max_length=36, blank=True, default="")
    period_start = models.DateTimeField()
    max_units = models.BigIntegerField(null=True)
    used = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    warned_percent = models.PositiveSmallIntegerField(default=0)
    # What is billed beyond the plan, counted as it is used: a later plan changes nothing of it.
    # ``included_units`` and ``unit_minor`` are those of the last count, null when it is not billed.
    included_units = models.BigIntegerField(null=True)
    unit_minor = models.BigIntegerField(null=True)
    over_units = models.BigIntegerField(default=0)
    over_minor = models.BigIntegerField(default=0)
    billed_units = models.BigIntegerField(default=0)
    billed_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("tenant_id", "feature", "subject", "period_start"),
                name="licensing_bucket_once",
            ),
            models.CheckConstraint(
                condition=Q(used__gte=0) & Q(reserved__gte=0), name="licensing_bucket_positive"
            ),
            models.CheckConstraint(
                condition=Q(billed_units__gte=0)
                & Q(over_units__gte=models.F("billed_units"))
                & Q(billed_minor__gte=0)
                & Q(over_minor__gte=models.F("billed_minor")),
                name="licensing_bucket_billed",
            ),
        )
        indexes = (
            models.Index(
                fields=("tenant_id",),
                condition=Q(over_units__gt=models.F("billed_units")),
                name="licensing_bucket_unbilled",
            ),
        )

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.feature} {self.used}"


class OverageCap(models.Model):
    """What a tenant agrees to pay per period beyond its plan, for one metered feature."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.BigIntegerField()
    feature = models.CharField(max_length=80)
    cap_minor = models.BigIntegerField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("tenant_id", "feature"), name="licensing_cap_once"),
            models.CheckConstraint(condition=Q(cap_minor__gte=0), name="licensing_cap_amount"),
        )

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.feature} {self.cap_minor}"


class UsageEvent(models.Model):
    """The ledger of consumption: a key counts once per tenant, a correction is a negative row."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.BigIntegerField()
    feature = models.CharField(max_length=80)
    subject = models.CharField(max_length=36, blank=True, default="")
    quantity = models.BigIntegerField()
    idempotency_key = models.UUIDField()
    reference = models.CharField(max_length=120, blank=True, default="")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("tenant_id", "idempotency_key"), name="licensing_usage_once"
            ),
        )
        indexes = (
            models.Index(fields=("tenant_id", "feature", "at"), name="licensing_usage_period"),
        )

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.feature} {self.quantity}"


class UsageHold(models.Model):
    """Units set aside while long work runs; committed, released, or given back when it expires."""

    tremplin_scope = "public"

    class State(models.TextChoices):
        HELD = "held", _("Held")
        COMMITTED = "committed", _("Committed")
        RELEASED = "released", _("Released")
        EXPIRED = "expired", _("Expired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.BigIntegerField()
    feature = models.CharField(max_length=80)
    subject = models.CharField(max_length=36, blank=True, default="")
    idempotency_key = models.UUIDField()
    buckets = models.JSONField(default=list)
    quantity = models.BigIntegerField()
    reference = models.CharField(max_length=120, blank=True, default="")
    state = models.CharField(max_length=9, choices=State, default=State.HELD)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("tenant_id", "idempotency_key"), name="licensing_hold_once"
            ),
        )
        indexes = (
            models.Index(
                fields=("expires_at",), condition=Q(state="held"), name="licensing_hold_due"
            ),
        )

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.feature} {self.state}"
