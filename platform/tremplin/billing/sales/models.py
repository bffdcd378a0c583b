"""Rows of sales to learners. The school is the merchant; the platform's tables hold none of this."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Seller(models.Model):
    """Who sells in this space: the legal identity its invoices print, its VAT and its bank."""

    tremplin_scope = "tenant"

    class Vat(models.TextChoices):
        FRENCH = "french", _("VAT of the country of the address")
        FRANCHISE = "franchise", _("No VAT: small-business exemption (art. 293 B of the CGI)")
        OWN = "own", _("One rate for everything (outside France)")

    id = models.BigIntegerField(primary_key=True, default=1, editable=False)
    legal_name = models.CharField(_("legal name"), max_length=160, blank=True, default="")
    siren = models.CharField(_("SIREN"), max_length=9, blank=True, default="")
    vat_id = models.CharField(_("VAT number"), max_length=20, blank=True, default="")
    email = models.EmailField(_("e-mail for buyers"), max_length=254, blank=True, default="")
    line1 = models.CharField(_("address"), max_length=160, blank=True, default="")
    line2 = models.CharField(_("address, continued"), max_length=160, blank=True, default="")
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True, default="")
    city = models.CharField(_("city"), max_length=80, blank=True, default="")
    country = models.CharField(_("country"), max_length=2, default="FR")
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    vat = models.CharField(_("VAT"), max_length=10, choices=Vat, default=Vat.FRENCH)
    own_rate = models.DecimalField(
        _("own rate (%)"), max_digits=5, decimal_places=2, default=Decimal("0.00")
    )
    has_training_exemption = models.BooleanField(
        _("training exempt from VAT (art. 261-4-4° a of the CGI)"), default=False
    )
    iban = models.CharField(_("IBAN"), max_length=34, blank=True, default="")
    bic = models.CharField(_("BIC"), max_length=11, blank=True, default="")
    takes_transfers = models.BooleanField(_("accept bank transfers"), default=False)
    transfer_days = models.SmallIntegerField(_("days to make a transfer"), default=14)
    terms = models.TextField(_("terms of sale"), max_length=8000, blank=True, default="")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="sales_one_seller"),
            models.CheckConstraint(
                condition=Q(own_rate__gte=0, own_rate__lte=100, transfer_days__gte=1),
                name="sales_seller_numbers",
            ),
        )

    def __str__(self) -> str:
        return self.legal_name


class Entry(models.Model):
    """Something the space sells; empty texts are those of its kind, in the reader's language."""

    tremplin_scope = "tenant"

    class Kind(models.TextChoices):
        PREMIUM_CV = "premium_cv", _("Premium CV")
        CODE_AUDIT = "code_audit", _("Code audit")
        PORTFOLIO = "portfolio", _("Branded portfolio")
        DOCUMENT_CHECK = "document_check", _("Document validation")
        OTHER = "other", _("Another service")

    class TaxCode(models.TextChoices):
        STANDARD = "standard", _("Standard rate")
        INTERMEDIATE = "intermediate", _("Intermediate rate")
        REDUCED = "reduced", _("Reduced rate")
        TRAINING = "training", _("Vocational training")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("what is sold"), max_length=20, choices=Kind)
    title = models.CharField(_("title"), max_length=120, blank=True, default="")
    summary = models.TextField(_("description"), max_length=2000, blank=True, default="")
    currency = models.CharField(max_length=3)
    price_minor = models.BigIntegerField()
    tax_code = models.CharField(_("VAT"), max_length=12, choices=TaxCode, default=TaxCode.STANDARD)
    is_on_sale = models.BooleanField(_("on sale"), default=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(price_minor__gt=0), name="sales_entry_price"),
        )

    def __str__(self) -> str:
        return self.title or self.kind


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
    kind = models.CharField(max_length=20, blank=True, default="")
    provider = models.CharField(max_length=20)
    provider_ref = models.CharField(max_length=120, blank=True, default="")
    idempotency_key = models.UUIDField(unique=True)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    tax_rate = models.DecimalField(max_digits=5, decimal_places=2)
    tax_category = models.CharField(max_length=2, default="S")
    tax_reason = models.CharField(max_length=200, blank=True, default="")
    buyer = models.JSONField(default=dict, blank=True)
    locale = models.CharField(max_length=5, default="fr")
    fee_minor = models.BigIntegerField(default=0)
    failure = models.CharField(max_length=60, blank=True, default="")
    invoice_number = models.CharField(max_length=40, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)

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
        indexes = (models.Index(fields=("person", "-created_at"), name="sales_order_person"),)

    def __str__(self) -> str:
        return f"{self.title} {self.state}"

    @property
    def reference(self) -> str:
        """Return what a bank transfer quotes: short, and unlike an invoice number."""
        return f"C-{self.pk.hex[:10].upper()}"


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


class Document(models.Model):
    """An invoice or a credit note of the space to a learner: numbered without gaps, then frozen.

    ``body`` holds everything printed. It is kept ten years (art. L123-22 of the commercial code),
    also when its buyer is erased.
    """

    tremplin_scope = "tenant"

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("Invoice")
        CREDIT_NOTE = "credit_note", _("Credit note")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="documents")
    kind = models.CharField(max_length=12, choices=Kind)
    corrects = models.ForeignKey("self", models.PROTECT, null=True, related_name="credit_notes")
    number = models.CharField(max_length=40, unique=True)
    issued_on = models.DateField()
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    body = models.JSONField()
    content_hash = models.CharField(max_length=64)
    pdf_path = models.CharField(max_length=200, blank=True, default="")
    pdf_sha256 = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("order",), condition=Q(kind="invoice"), name="sales_one_invoice"
            ),
            models.CheckConstraint(
                condition=Q(total_minor=F("net_minor") + F("tax_minor"), total_minor__gt=0),
                name="sales_document_adds_up",
            ),
        )

    def __str__(self) -> str:
        return self.number


class Numbering(models.Model):
    """The counter of a series: one row per kind of document and year; no number is left out."""

    tremplin_scope = "tenant"

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=12)
    year = models.SmallIntegerField()
    last_number = models.IntegerField()
    last_date = models.DateField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("code", "year"), name="sales_numbering_once"),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.year}: {self.last_number}"
