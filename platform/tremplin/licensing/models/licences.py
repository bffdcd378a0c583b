"""What each tenant holds: licences, seats, trials taken, grants, and the compiled snapshot."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tremplin.licensing.models.plans import PlanVersion


class License(models.Model):
    """A tenant's right to a version of a plan, or to a module alone, with its seats.

    ``state`` is what was last recorded; what holds now is computed from the dates, so an expiry
    never waits for a job. ``subscription`` is the id of billing's row, without foreign key:
    licensing lies below billing.
    """

    tremplin_scope = "public"

    class Source(models.TextChoices):
        SUBSCRIPTION = "subscription", _("Subscription")
        ONE_TIME = "one_time", _("One-time purchase")
        MANUAL = "manual", _("Given by the operator")
        BUNDLE = "bundle", _("Part of a plan")
        TRIAL = "trial", _("Trial")

    class State(models.TextChoices):
        TRIALING = "trialing", _("Trial")
        ACTIVE = "active", _("Active")
        PAST_DUE = "past_due", _("Payment late")
        GRACE = "grace", _("Last days")
        SUSPENDED = "suspended", _("Suspended")
        ENDED = "ended", _("Ended")

    class SeatPolicy(models.TextChoices):
        AUTO = "auto", _("Everybody with a counted role")
        MANUAL = "manual", _("Assigned one by one")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.BigIntegerField()
    plan_version = models.ForeignKey(
        PlanVersion, models.PROTECT, null=True, related_name="licences"
    )
    module = models.CharField(max_length=31, blank=True, default="")
    source = models.CharField(max_length=12, choices=Source)
    state = models.CharField(max_length=9, choices=State)
    state_since = models.DateTimeField(default=timezone.now)
    valid_from = models.DateTimeField(default=timezone.now)
    valid_until = models.DateTimeField(null=True)
    unpaid_since = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    subscription = models.UUIDField(null=True)
    seats_total = models.PositiveIntegerField(null=True)
    seats_used = models.PositiveIntegerField(default=0)
    # Until then ``seats_total`` stops nobody: the welcome of a new space (``licensing.defaults``).
    seats_open_until = models.DateTimeField(null=True)
    seat_policy = models.CharField(max_length=6, choices=SeatPolicy, default=SeatPolicy.AUTO)
    counted_roles = ArrayField(models.CharField(max_length=40), default=list)
    is_over_limit = models.BooleanField(default=False)
    over_limit_since = models.DateTimeField(null=True)
    # Keys of the notices sent about this licence, so that none leaves twice.
    noticed = ArrayField(models.CharField(max_length=60), default=list)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("tenant_id", "module", "created_at")
        indexes = (models.Index(fields=("tenant_id", "state"), name="licensing_license_tenant"),)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant_id", "module"),
                condition=~Q(state="ended"),
                name="licensing_one_running_license",
            ),
            models.CheckConstraint(
                condition=Q(plan_version__isnull=False) | ~Q(module=""),
                name="licensing_license_of_something",
            ),
        )

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.module or 'plan'} {self.state}"


class SeatAssignment(models.Model):
    """One person on one seat of a licence; an invitation holds its seat from the start."""

    tremplin_scope = "public"

    class State(models.TextChoices):
        INVITED = "invited", _("Invited")
        ACTIVE = "active", _("Active")

    id = models.BigAutoField(primary_key=True)
    license = models.ForeignKey(License, models.CASCADE, related_name="seats")
    member = models.UUIDField()
    state = models.CharField(max_length=7, choices=State, default=State.ACTIVE)
    assigned_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("license", "member"), name="licensing_seat_once"),
        )

    def __str__(self) -> str:
        return f"{self.license_id}/{self.member}"


class Trial(models.Model):
    """The trial of a module by a tenant: once ever."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.BigIntegerField()
    module = models.CharField(max_length=31)
    license = models.ForeignKey(License, models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    converted_at = models.DateTimeField(null=True)
    noticed = ArrayField(models.CharField(max_length=10), default=list)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("tenant_id", "module"), name="licensing_trial_once"),
        )

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.module}"


class Grant(models.Model):
    """An amount or a value given to a tenant beside its plans: a top-up, goodwill, an override."""

    tremplin_scope = "public"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.BigIntegerField()
    feature = models.CharField(max_length=80)
    value = models.JSONField(null=True)
    priority = models.SmallIntegerField(default=0)
    effective_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    source = models.CharField(max_length=20)
    reference = models.CharField(max_length=80, blank=True, default="")
    reason = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (models.Index(fields=("tenant_id", "feature"), name="licensing_grant_tenant"),)

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.feature}"


class EntitlementSnapshot(models.Model):
    """Everything a tenant is entitled to, compiled; past ``valid_until`` it is made again on read."""

    tremplin_scope = "public"

    tenant_id = models.BigIntegerField(primary_key=True)
    version = models.BigIntegerField()
    body = models.JSONField()
    valid_until = models.DateTimeField(null=True)
    compiled_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.tenant_id} v{self.version}"
