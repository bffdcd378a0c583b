"""Drafts: lines and totals that may still be thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction

from tremplin.api import services
from tremplin.billing import money
from tremplin.billing.invoicing import wording
from tremplin.billing.invoicing.errors import InvoiceRefused
from tremplin.billing.invoicing.parties import plain
from tremplin.billing.lines import Line, TaxTotal, totals
from tremplin.billing.models import BillingAccount, Invoice, InvoiceLine, Order, Subscription

LONGEST_DESCRIPTION = 300
MOST_DECIMALS = 2  # EN 16931, BR-DEC-*


def _description(text: str) -> str:
    clean = plain(text) or "-"
    if len(clean) > LONGEST_DESCRIPTION:
        clean = clean[: LONGEST_DESCRIPTION - 1].rstrip() + "\u2026"
    return clean


def _nets(taxes: Sequence[TaxTotal]) -> dict[tuple[Decimal, str], int]:
    return {(item.rate, item.category): item.net_minor for item in taxes if item.net_minor}


def tax_rows(taxes: Sequence[TaxTotal]) -> list[dict[str, Any]]:
    """Return VAT by rate as the JSON that an invoice keeps."""
    return [
        {
            "rate": f"{item.rate:.2f}",
            "category": item.category,
            "net_minor": item.net_minor,
            "tax_minor": item.tax_minor,
        }
        for item in taxes
    ]


@transaction.atomic
def build(
    lines: Sequence[Line],
    *,
    account: BillingAccount,
    tenant_id: int,
    provider: str,
    currency: str,
    due_on: date,
    subscription: Subscription | None = None,
    order: Order | None = None,
    issuer_tenant_id: int | None = None,
    locale: str = "fr",
    provider_ref: str = "",
    corrects: Invoice | None = None,
    taxes: Sequence[TaxTotal] | None = None,
) -> Invoice:
    """Store a draft invoice, or the draft credit note of ``corrects``.

    ``taxes`` replaces the computed VAT (a refund, the rest of a partly credited invoice). Raises
    ``InvoiceRefused``, and ``ValueError`` when its nets are not those of the lines.
    """
    if not lines:
        raise InvoiceRefused("no_lines")
    if money.digits(currency) > MOST_DECIMALS:
        raise InvoiceRefused("currency")
    computed = totals(lines).taxes
    if taxes is not None:
        if _nets(taxes) != _nets(computed):
            raise ValueError("the VAT that was given is not that of the lines")
        computed = tuple(taxes)
    net = sum(item.net_minor for item in computed)
    tax_minor = sum(item.tax_minor for item in computed)
    if net + tax_minor < 0:
        raise InvoiceRefused("below_zero")
    with services.tenancy().public_write("invoice"):
        invoice = Invoice.objects.create(
            kind=Invoice.Kind.INVOICE if corrects is None else Invoice.Kind.CREDIT_NOTE,
            corrects=corrects,
            tenant_id=tenant_id,
            account=account,
            subscription=subscription,
            order=order,
            provider=provider,
            provider_ref=provider_ref,
            locale=wording.language_of(locale),
            currency=currency,
            due_on=due_on,
            seller={"issuer": issuer_tenant_id},
            taxes=tax_rows(computed),
            net_minor=net,
            tax_minor=tax_minor,
            total_minor=net + tax_minor,
        )
        InvoiceLine.objects.bulk_create(
            InvoiceLine(
                invoice=invoice,
                position=position,
                description=_description(line.description),
                price_id=line.price,
                module=line.module,
                client_tenant_id=line.client_tenant_id,
                quantity=line.quantity,
                unit_minor=line.unit_minor,
                net_minor=line.net_minor,
                tax_rate=line.tax_rate,
                tax_category=line.tax_category,
                period_start=line.period_start,
                period_end=line.period_end,
                cost_minor=line.cost_minor,
                reseller_tenant_id=line.reseller_tenant_id,
            )
            for position, line in enumerate(lines, 1)
        )
    return invoice
