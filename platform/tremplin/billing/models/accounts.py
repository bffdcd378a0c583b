"""Who is billed: the legal identity of a tenant or reseller."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class BillingAccount(models.Model):
    """Identity and terms printed on invoices; ``payer`` names who pays instead, a reseller."""

    tremplin_scope = "public"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.BigIntegerField(unique=True)
    payer = models.ForeignKey("self", models.PROTECT, null=True, related_name="paid_accounts")
    legal_name = models.CharField(_("legal name"), max_length=160, blank=True, default="")
    siren = models.CharField(_("SIREN"), max_length=9, blank=True, default="")
    vat_id = models.CharField(_("VAT number"), max_length=20, blank=True, default="")
    email = models.EmailField(_("billing e-mail"), max_length=254, blank=True, default="")
    line1 = models.CharField(_("address"), max_length=160, blank=True, default="")
    line2 = models.CharField(_("address, continued"), max_length=160, blank=True, default="")
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True, default="")
    city = models.CharField(_("city"), max_length=80, blank=True, default="")
    country = models.CharField(_("country"), max_length=2, default="FR")
    currency = models.CharField(max_length=3, default="EUR")
    provider = models.CharField(max_length=20, default="invoice")
    provider_refs = models.JSONField(default=dict, blank=True)
    terms_days = models.PositiveSmallIntegerField(default=30)
    has_training_exemption = models.BooleanField(default=False)
    overage_cap_minor = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.legal_name or str(self.tenant_id)


class PaymentMethod(models.Model):
    """A means of payment that a provider keeps for an account; never a number, only its last four."""

    tremplin_scope = "public"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(BillingAccount, models.CASCADE, related_name="methods")
    provider = models.CharField(max_length=20)
    provider_ref = models.CharField(max_length=120)
    label = models.CharField(max_length=60)
    last4 = models.CharField(max_length=4, blank=True, default="")
    expires = models.CharField(max_length=7, blank=True, default="")
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("provider", "provider_ref"), name="billing_method_once"
            ),
        )

    def __str__(self) -> str:
        return self.label
