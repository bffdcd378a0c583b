"""Orders, subscriptions and the changes that wait for a date."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tremplin.billing.models.accounts import BillingAccount
from tremplin.billing.models.prices import Coupon, Price


class Quote(models.Model):
    """The lines and totals of a purchase or a change, honoured until ``expires_at``."""

    tremplin_scope = "public"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    body = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


class Subscription(models.Model):
    """What a tenant pays again and again; ``object_version`` orders the facts of a provider."""

    tremplin_scope = "public"

    class State(models.TextChoices):
        TRIALING = "trialing", _("Trial")
        ACTIVE = "active", _("Active")
        PAST_DUE = "past_due", _("Payment late")
        GRACE = "grace", _("Last days")
        SUSPENDED = "suspended", _("Suspended")
        ENDED = "ended", _("Ended")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.BigIntegerField()
    account = models.ForeignKey(BillingAccount, models.PROTECT, related_name="subscriptions")
    provider = models.CharField(max_length=20)
    provider_ref = models.CharField(max_length=120, blank=True, default="")
    state = models.CharField(max_length=9, choices=State)
    currency = models.CharField(max_length=3, default="EUR")
    interval = models.CharField(max_length=5, choices=Price.Interval)
    zone = models.CharField(max_length=64, default="Europe/Paris")
    anchor_at = models.DateTimeField()
    period_index = models.PositiveIntegerField(default=0)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    trial_end = models.DateTimeField(null=True)
    paid_until = models.DateTimeField(null=True)
    unpaid_since = models.DateTimeField(null=True)
    cancel_at_period_end = models.BooleanField(default=False)
    canceled_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    coupon = models.ForeignKey(Coupon, models.PROTECT, null=True, related_name="+")
    coupon_until = models.DateTimeField(null=True)
    dunning_step = models.PositiveSmallIntegerField(default=0)
    object_version = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = (
            models.Index(fields=("tenant_id", "state"), name="billing_subscription_tenant"),
            models.Index(fields=("period_end",), name="billing_subscription_due"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("provider", "provider_ref"),
                condition=~Q(provider_ref=""),
                name="billing_subscription_ref_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.state}"


class SubscriptionItem(models.Model):
    """One plan or module in a subscription, at the price it was sold at."""

    tremplin_scope = "public"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="items")
    price = models.ForeignKey(Price, models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField()
    cost_minor = models.BigIntegerField(null=True)
    quantity = models.PositiveIntegerField(default=1)
    license = models.UUIDField(null=True)
    provider_ref = models.CharField(max_length=120, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.subscription_id} x{self.quantity}"


class SubscriptionChange(models.Model):
    """A change that takes effect at a date: a downgrade, fewer seats, the end."""

    tremplin_scope = "public"

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        APPLIED = "applied", _("Applied")
        CANCELED = "canceled", _("Canceled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=20)
    body = models.JSONField(default=dict)
    effective_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(default=timezone.now)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(
                fields=("effective_at",),
                condition=Q(state="waiting"),
                name="billing_change_due",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.effective_at:%Y-%m-%d}"


class Order(models.Model):
    """One purchase from the click to the payment; ``scope_key`` keeps one open order per thing."""

    tremplin_scope = "public"

    class State(models.TextChoices):
        OPEN = "open", _("Waiting for payment")
        PAID = "paid", _("Paid")
        FAILED = "failed", _("Payment refused")
        CANCELED = "canceled", _("Canceled")
        EXPIRED = "expired", _("Expired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.BigIntegerField()
    account = models.ForeignKey(BillingAccount, models.PROTECT, related_name="orders")
    provider = models.CharField(max_length=20)
    provider_ref = models.CharField(max_length=120, blank=True, default="")
    scope_key = models.CharField(max_length=80)
    idempotency_key = models.UUIDField(unique=True)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    body = models.JSONField()
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    coupon = models.ForeignKey(Coupon, models.PROTECT, null=True, related_name="+")
    subscription = models.ForeignKey(
        Subscription, models.SET_NULL, null=True, related_name="orders"
    )
    placed_by = models.UUIDField(null=True)
    failure = models.CharField(max_length=60, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("tenant_id", "scope_key"),
                condition=Q(state="open"),
                name="billing_one_open_order",
            ),
        )

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.state} {self.total_minor}"
