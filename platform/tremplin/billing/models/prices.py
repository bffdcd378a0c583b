"""Prices of plan versions, the books that resellers sell from, and coupons.

Amounts are integers in the minor unit of their currency (cents for the euro, francs for XOF).
"""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tremplin.licensing.models import PlanVersion


class Price(models.Model):
    """What a version costs in one currency and rhythm; frozen once something was sold at it."""

    tremplin_scope = "public"

    class Interval(models.TextChoices):
        MONTH = "month", _("per month")
        YEAR = "year", _("per year")
        ONCE = "once", _("once")

    class Model(models.TextChoices):
        FLAT = "flat", _("One price")
        PER_SEAT = "per_seat", _("Per seat")
        TIERED = "tiered", _("By tiers of seats")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    plan_version = models.ForeignKey(PlanVersion, models.PROTECT, related_name="prices")
    currency = models.CharField(max_length=3, default="EUR")
    interval = models.CharField(max_length=5, choices=Interval)
    model = models.CharField(max_length=8, choices=Model, default=Model.FLAT)
    amount_minor = models.BigIntegerField()
    included_seats = models.PositiveIntegerField(default=0)
    tiers = models.JSONField(default=list, blank=True)
    tax_code = models.CharField(max_length=20, default="standard")
    is_active = models.BooleanField(default=True)
    provider_refs = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("plan_version", "currency", "interval"),
                condition=Q(is_active=True),
                name="billing_one_active_price",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gte=0), name="billing_price_amount"),
        )

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency} {self.interval}"


class PriceBook(models.Model):
    """The prices one seller offers; without owner, the platform's public book.

    ``discount_percent`` is taken off the parent's price to give a reseller's cost.
    """

    tremplin_scope = "public"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner_tenant_id = models.BigIntegerField(null=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    discount_percent = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    mode = models.CharField(
        max_length=10,
        choices=[("wholesale", _("Wholesale")), ("commission", _("Commission"))],
        default="wholesale",
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("owner_tenant_id",), nulls_distinct=False, name="billing_one_book_each"
            ),
            models.CheckConstraint(
                condition=Q(discount_percent__gte=0) & Q(discount_percent__lte=100),
                name="billing_book_discount",
            ),
        )

    def __str__(self) -> str:
        return f"book {self.owner_tenant_id or 'public'}"


class PriceBookEntry(models.Model):
    """A reseller's own numbers for a price, inside the range that the platform allows."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(PriceBook, models.CASCADE, related_name="entries")
    price = models.ForeignKey(Price, models.PROTECT, related_name="entries")
    cost_minor = models.BigIntegerField(null=True)
    retail_minor = models.BigIntegerField(null=True)
    min_retail_minor = models.BigIntegerField(null=True)
    max_retail_minor = models.BigIntegerField(null=True)
    is_hidden = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("book", "price"), name="billing_entry_once"),
            models.CheckConstraint(
                condition=(Q(cost_minor__isnull=True) | Q(cost_minor__gte=0))
                & (Q(retail_minor__isnull=True) | Q(retail_minor__gte=0)),
                name="billing_entry_amounts",
            ),
        )

    def __str__(self) -> str:
        return f"{self.book_id} {self.price_id}"


class HiddenModule(models.Model):
    """A module that a reseller does not offer to its clients."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(PriceBook, models.CASCADE, related_name="hidden_modules")
    module = models.CharField(max_length=31)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("book", "module"), name="billing_hidden_module_once"),
        )

    def __str__(self) -> str:
        return self.module


class Coupon(models.Model):
    """A discount code: a percentage or an amount, for one, some or all periods."""

    tremplin_scope = "public"

    class Duration(models.TextChoices):
        ONCE = "once", _("First payment")
        REPEATING = "repeating", _("Some months")
        FOREVER = "forever", _("Always")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.CharField(max_length=40, unique=True)
    percent = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    amount_minor = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    duration = models.CharField(max_length=9, choices=Duration, default=Duration.ONCE)
    months = models.PositiveSmallIntegerField(null=True)
    plans = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    max_redemptions = models.PositiveIntegerField(null=True)
    redeemed = models.PositiveIntegerField(default=0)
    valid_until = models.DateTimeField(null=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(percent__isnull=False, amount_minor__isnull=True)
                | Q(percent__isnull=True, amount_minor__isnull=False),
                name="billing_coupon_one_kind",
            ),
        )

    def __str__(self) -> str:
        return self.code
