"""Plans and their versions: what a tenant buys is one version, which never changes once sold."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Plan(models.Model):
    """Something to subscribe to: a plan of the whole space, or of one module when it names one."""

    tremplin_scope = "public"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.SlugField(max_length=60, unique=True)
    module = models.CharField(max_length=31, blank=True, default="")
    name_en = models.CharField(max_length=80)
    name_fr = models.CharField(max_length=80)
    summary_en = models.CharField(max_length=300, blank=True, default="")
    summary_fr = models.CharField(max_length=300, blank=True, default="")
    position = models.PositiveSmallIntegerField(default=0)
    is_listed = models.BooleanField(default=True)
    # The operator changed its names or made a version of it: the catalogue leaves it alone.
    is_custom = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("module", "position", "key")

    def __str__(self) -> str:
        return self.key


class PlanVersion(models.Model):
    """The content of a plan at one time; frozen by its first sale, replaced by a successor.

    Durations are in days: the trial, then the states that an unpaid subscription goes through.
    """

    tremplin_scope = "public"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    sold_from = models.DateTimeField(null=True)
    sold_until = models.DateTimeField(null=True)
    first_sold_at = models.DateTimeField(null=True)
    successor = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    trial_days = models.PositiveSmallIntegerField(default=14)
    past_due_days = models.PositiveSmallIntegerField(default=14)
    grace_days = models.PositiveSmallIntegerField(default=7)
    read_only_days = models.PositiveSmallIntegerField(default=30)
    keep_days = models.PositiveSmallIntegerField(default=90)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("plan", "number")
        constraints = (
            models.UniqueConstraint(fields=("plan", "number"), name="licensing_plan_version_once"),
        )

    def __str__(self) -> str:
        return f"{self.plan_id} v{self.number}"


class PlanItem(models.Model):
    """A module that comes with a version of a plan."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(PlanVersion, models.CASCADE, related_name="items")
    module = models.CharField(max_length=31)

    class Meta:
        ordering = ("module",)
        constraints = (
            models.UniqueConstraint(fields=("version", "module"), name="licensing_item_once"),
        )

    def __str__(self) -> str:
        return self.module


class PlanEntitlement(models.Model):
    """The value of one feature in a version: amounts are integers, ``null`` means unlimited."""

    tremplin_scope = "public"

    class Reset(models.TextChoices):
        NONE = "none", _("Never")
        DAY = "day", _("Every day")
        WEEK = "week", _("Every week")
        MONTH = "month", _("Every month")
        PERIOD = "period", _("Every billing period")
        LIFETIME = "lifetime", _("Once")

    class Scope(models.TextChoices):
        TENANT = "tenant", _("The whole space")
        USER = "user", _("Each person")

    class Overage(models.TextChoices):
        DENY = "deny", _("Refuse")
        ALLOW = "allow", _("Count only")
        BILL = "bill", _("Bill up to a cap")
        GRACE = "grace", _("Tolerate a percentage")

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(PlanVersion, models.CASCADE, related_name="entitlements")
    feature = models.CharField(max_length=80)
    value = models.JSONField(null=True)
    reset = models.CharField(max_length=8, choices=Reset, default=Reset.NONE)
    scope = models.CharField(max_length=6, choices=Scope, default=Scope.TENANT)
    overage = models.CharField(max_length=5, choices=Overage, default=Overage.DENY)
    overage_percent = models.PositiveSmallIntegerField(default=0)
    overage_unit_minor = models.BigIntegerField(null=True)
    # The highest cap that a customer may choose; null: as high as the customer wants.
    overage_cap_minor = models.BigIntegerField(null=True)
    overage_currency = models.CharField(max_length=3, default="EUR")

    class Meta:
        ordering = ("feature",)
        constraints = (
            models.UniqueConstraint(
                fields=("version", "feature", "scope"), name="licensing_entitlement_once"
            ),
        )

    def __str__(self) -> str:
        return self.feature
