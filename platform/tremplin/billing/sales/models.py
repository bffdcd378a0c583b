"""Rows of sales to learners. The school is the merchant; the platform's tables hold none of this."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Order(models.Model):
    """One purchase by one person; ``person`` becomes null when she is erased, the sale stays."""

    tremplin_scope = "tenant"

    class State(models.TextChoices):
        OPEN = "open", _("Waiting for payment")
        PAID = "paid", _("Paid")
        CANCELED = "canceled", _("Canceled")
        REFUNDED = "refunded", _("Refunded")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.UUIDField(null=True)
    module = models.CharField(max_length=31)
    item = models.CharField(max_length=80)
    title = models.CharField(max_length=160)
    provider = models.CharField(max_length=20)
    provider_ref = models.CharField(max_length=120, blank=True, default="")
    idempotency_key = models.UUIDField(unique=True)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    tax_rate = models.DecimalField(max_digits=5, decimal_places=2)
    fee_minor = models.BigIntegerField(default=0)
    failure = models.CharField(max_length=60, blank=True, default="")
    invoice_number = models.CharField(max_length=40, blank=True, default="")
    invoice = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    paid_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("person", "module", "item"),
                condition=Q(state="open", person__isnull=False),
                name="sales_one_open_order",
            ),
            models.UniqueConstraint(
                fields=("invoice_number",),
                condition=~Q(invoice_number=""),
                name="sales_invoice_number_once",
            ),
            models.CheckConstraint(
                condition=Q(total_minor=F("net_minor") + F("tax_minor"), total_minor__gt=0),
                name="sales_order_adds_up",
            ),
        )

    def __str__(self) -> str:
        return f"{self.title} {self.state}"


class Payment(models.Model):
    """Money for an order, by the provider's reference."""

    tremplin_scope = "tenant"

    class State(models.TextChoices):
        SETTLED = "settled", _("Settled")
        FAILED = "failed", _("Refused")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="payments")
    provider = models.CharField(max_length=20)
    provider_ref = models.CharField(max_length=120)
    state = models.CharField(max_length=8, choices=State)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField(default=0)
    disputed_minor = models.BigIntegerField(default=0)
    failure = models.CharField(max_length=60, blank=True, default="")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("provider", "provider_ref"), name="sales_payment_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0)
                & Q(refunded_minor__gte=0)
                & Q(refunded_minor__lte=F("amount_minor")),
                name="sales_payment_amounts",
            ),
        )

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency} {self.state}"


class Fact(models.Model):
    """A fact that was applied, so that it is applied once."""

    tremplin_scope = "tenant"

    id = models.BigAutoField(primary_key=True)
    provider = models.CharField(max_length=20)
    event_id = models.CharField(max_length=160)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("provider", "event_id"), name="sales_fact_once"),
        )

    def __str__(self) -> str:
        return self.event_id


class Series(models.Model):
    """The counter of the school's receipts to learners, one row per year; no number is left out."""

    tremplin_scope = "tenant"

    year = models.PositiveSmallIntegerField(primary_key=True)
    last_number = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.year}: {self.last_number}"
