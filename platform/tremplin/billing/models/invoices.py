"""Invoices and credit notes: numbered without gaps, frozen when they are finalised."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tremplin.billing.invoicing.errors import FrozenInvoice
from tremplin.billing.models.accounts import BillingAccount
from tremplin.billing.models.prices import Price
from tremplin.billing.models.subscriptions import Order, Subscription


class InvoiceSeries(models.Model):
    """The counter behind the numbers of one issuer; ``year`` 0 never restarts.

    The issuer is a tenant (a reseller or a school that sells), or null for the platform.
    """

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    issuer_tenant_id = models.BigIntegerField(null=True)
    code = models.CharField(max_length=20)
    year = models.PositiveSmallIntegerField(default=0)
    template = models.CharField(max_length=40)
    last_number = models.PositiveIntegerField(default=0)
    last_date = models.DateField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("issuer_tenant_id", "code", "year"),
                nulls_distinct=False,
                name="billing_series_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.year}"


# What lives on after an invoice is finalised: payment, credit, file. The XML is written once.
LIVING = frozenset(
    {
        "state", "paid_minor", "credited_minor", "paid_at", "provider_ref", "xml", "pdf_path",
        "pdf_sha256",
    }
)  # fmt: skip


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Refuses what would change or remove finalised rows."""

    def update(self, **kwargs: Any) -> int:
        """Update rows; printed fields of drafts only. Raises ``FrozenInvoice``."""
        if set(kwargs) - LIVING and self.exclude(state="draft").exists():
            raise FrozenInvoice
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete drafts. Raises ``FrozenInvoice`` when there is anything else."""
        if self.exclude(state="draft").exists():
            raise FrozenInvoice
        return super().delete()


class InvoiceLineQuerySet(models.QuerySet["InvoiceLine"]):
    """Refuses what would change the lines of finalised invoices."""

    def _only_drafts(self) -> None:
        if self.exclude(invoice__state="draft").exists():
            raise FrozenInvoice

    def update(self, **kwargs: Any) -> int:
        """Update lines of drafts. Raises ``FrozenInvoice``."""
        self._only_drafts()
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete lines of drafts. Raises ``FrozenInvoice``."""
        self._only_drafts()
        return super().delete()

    def bulk_create(
        self, objs: Iterable[InvoiceLine], *args: Any, **kwargs: Any
    ) -> list[InvoiceLine]:
        """Add lines to drafts. Raises ``FrozenInvoice``."""
        rows = list(objs)
        holders = {row.invoice_id for row in rows}
        if Invoice.objects.filter(pk__in=holders).exclude(state="draft").exists():
            raise FrozenInvoice
        return super().bulk_create(rows, *args, **kwargs)


class Invoice(models.Model):
    """An invoice or a credit note. A finalised row never changes but for its payment.

    Parties and totals are copied when it is finalised; ``content_hash`` covers everything that is
    printed. ``total_minor`` is positive on both kinds.
    """

    tremplin_scope = "public"

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("Invoice")
        CREDIT_NOTE = "credit_note", _("Credit note")

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        OPEN = "open", _("To pay")
        PAID = "paid", _("Paid")
        VOID = "void", _("Cancelled by credit note")
        UNCOLLECTIBLE = "uncollectible", _("Not collected")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=11, choices=Kind, default=Kind.INVOICE)
    series = models.ForeignKey(InvoiceSeries, models.PROTECT, null=True, related_name="invoices")
    sequence = models.PositiveIntegerField(null=True)
    number = models.CharField(max_length=40, blank=True, default="")
    corrects = models.ForeignKey("self", models.PROTECT, null=True, related_name="credit_notes")
    tenant_id = models.BigIntegerField()
    account = models.ForeignKey(BillingAccount, models.PROTECT, related_name="invoices")
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, null=True, related_name="invoices"
    )
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="invoices")
    provider = models.CharField(max_length=20)
    provider_ref = models.CharField(max_length=120, blank=True, default="")
    state = models.CharField(max_length=13, choices=State, default=State.DRAFT)
    locale = models.CharField(max_length=8, default="fr")
    currency = models.CharField(max_length=3)
    issued_on = models.DateField(null=True)
    due_on = models.DateField(null=True)
    seller = models.JSONField(default=dict)
    buyer = models.JSONField(default=dict)
    notes = models.JSONField(default=list)
    taxes = models.JSONField(default=list)
    net_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField(default=0)
    paid_minor = models.BigIntegerField(default=0)
    credited_minor = models.BigIntegerField(default=0)
    content_hash = models.CharField(max_length=64, blank=True, default="")
    xml = models.BinaryField(null=True)
    pdf_path = models.CharField(max_length=200, blank=True, default="")
    pdf_sha256 = models.CharField(max_length=64, blank=True, default="")
    finalised_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("series", "sequence"),
                condition=Q(sequence__isnull=False),
                name="billing_invoice_number_once",
            ),
            models.CheckConstraint(
                condition=Q(state="draft") | (~Q(number="") & Q(finalised_at__isnull=False)),
                name="billing_invoice_numbered",
            ),
            models.CheckConstraint(
                condition=Q(total_minor=models.F("net_minor") + models.F("tax_minor")),
                name="billing_invoice_adds_up",
            ),
        )
        indexes = (models.Index(fields=("tenant_id", "state"), name="billing_invoice_tenant"),)

    def __str__(self) -> str:
        return self.number or str(self.pk)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the row. Raises ``FrozenInvoice`` when a printed field of a final one differs."""
        if not self._state.adding:
            stored = Invoice.objects.filter(pk=self.pk).exclude(state="draft").values().first()
            if stored is not None:
                self._refuse_changes(stored, kwargs.get("update_fields"))
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete a draft. Raises ``FrozenInvoice`` for anything else."""
        if Invoice.objects.filter(pk=self.pk).exclude(state="draft").exists():
            raise FrozenInvoice
        return super().delete(*args, **kwargs)

    def _refuse_changes(self, stored: dict[str, Any], fields: Iterable[str] | None) -> None:
        written = None if fields is None else set(fields)
        for field in self._meta.concrete_fields:
            if written is not None and not {field.name, field.attname} & written:
                continue
            before, after = stored[field.attname], getattr(self, field.attname)
            if field.name == "xml":
                changed = before is not None and (after is None or bytes(before) != bytes(after))
            elif field.name == "state":
                changed = after == self.State.DRAFT
            else:
                changed = field.name not in LIVING and before != after
            if changed:
                raise FrozenInvoice


class InvoiceLine(models.Model):
    """One line; the reseller's cost is frozen on it, so that a margin never changes afterwards."""

    tremplin_scope = "public"

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    description = models.CharField(max_length=300)
    price = models.ForeignKey(Price, models.PROTECT, null=True, related_name="+")
    module = models.CharField(max_length=31, blank=True, default="")
    client_tenant_id = models.BigIntegerField(null=True)
    quantity = models.IntegerField(default=1)
    unit_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    tax_rate = models.DecimalField(max_digits=5, decimal_places=2)
    tax_category = models.CharField(max_length=4, default="S")
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)
    cost_minor = models.BigIntegerField(null=True)
    reseller_tenant_id = models.BigIntegerField(null=True)

    objects = InvoiceLineQuerySet.as_manager()

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("invoice", "position"), name="billing_line_once"),
        )

    def __str__(self) -> str:
        return self.description

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store a line of a draft. Raises ``FrozenInvoice`` for any other invoice."""
        if Invoice.objects.filter(pk=self.invoice_id).exclude(state="draft").exists():
            raise FrozenInvoice
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete a line of a draft. Raises ``FrozenInvoice`` for any other invoice."""
        if Invoice.objects.filter(pk=self.invoice_id).exclude(state="draft").exists():
            raise FrozenInvoice
        return super().delete(*args, **kwargs)
