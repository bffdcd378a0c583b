"""Money that moved, what providers reported, and who earned what. Rows are only added."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tremplin.billing.models.accounts import BillingAccount
from tremplin.billing.models.invoices import Invoice, InvoiceLine
from tremplin.billing.models.subscriptions import Order


class Payment(models.Model):
    """One attempt to pay: settled, refused, refunded or disputed."""

    tremplin_scope = "public"

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        SETTLED = "settled", _("Settled")
        FAILED = "failed", _("Refused")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(BillingAccount, models.PROTECT, related_name="payments")
    invoice = models.ForeignKey(Invoice, models.PROTECT, null=True, related_name="payments")
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="payments")
    provider = models.CharField(max_length=20)
    provider_ref = models.CharField(max_length=120)
    method = models.CharField(max_length=60, blank=True, default="")
    state = models.CharField(max_length=8, choices=State)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField(default=0)
    disputed_minor = models.BigIntegerField(default=0)
    failure = models.CharField(max_length=60, blank=True, default="")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("provider", "provider_ref"), name="billing_payment_once"
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0)
                & Q(refunded_minor__gte=0)
                & Q(refunded_minor__lte=models.F("amount_minor")),
                name="billing_payment_amounts",
            ),
        )

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency} {self.state}"


class ProviderEvent(models.Model):
    """A fact that a provider reported, stored once; ``outcome`` says what the projector did."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    provider = models.CharField(max_length=20)
    event_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=60)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now)
    body = models.JSONField(default=dict)
    outcome = models.CharField(max_length=30, blank=True, default="")
    error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("provider", "event_id"), name="billing_provider_event_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.event_id}"


class LedgerEntry(models.Model):
    """A share of an invoice line for one party; the entries of an invoice sum to zero."""

    tremplin_scope = "public"

    class Party(models.TextChoices):
        CUSTOMER = "customer", _("Customer")
        PLATFORM = "platform", _("Platform")
        RESELLER = "reseller", _("Reseller")
        PUBLISHER = "publisher", _("Publisher")
        TAX = "tax", _("Tax")
        CASH = "cash", _("Cash")

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="ledger")
    line = models.ForeignKey(InvoiceLine, models.PROTECT, null=True, related_name="ledger")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="ledger")
    party = models.CharField(max_length=9, choices=Party)
    party_ref = models.CharField(max_length=60, blank=True, default="")
    kind = models.CharField(max_length=20)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    at = models.DateTimeField(default=timezone.now)
    payout = models.ForeignKey("Payout", models.PROTECT, null=True, related_name="entries")

    class Meta:
        indexes = (models.Index(fields=("party", "party_ref", "at"), name="billing_ledger_party"),)

    def __str__(self) -> str:
        return f"{self.party} {self.amount_minor}"


class Payout(models.Model):
    """Money sent to a reseller or a publisher for a month of ledger entries."""

    tremplin_scope = "public"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    party = models.CharField(max_length=9, choices=LedgerEntry.Party)
    party_ref = models.CharField(max_length=60)
    month = models.DateField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    reference = models.CharField(max_length=80, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("party", "party_ref", "month", "currency"), name="billing_payout_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.party_ref} {self.month:%Y-%m}"
