"""From draft to numbered and frozen, inside the caller's transaction."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import translation

from tremplin.api import services
from tremplin.billing.invoicing import content, numbering, parties, wording
from tremplin.billing.invoicing.errors import FrozenInvoice, InvoiceRefused
from tremplin.billing.models import Invoice
from tremplin.kernel.tasks import runner

RETENTION_YEARS = 10  # art. L123-22 of the French commercial code, from the end of the year


def kept_until(invoice: Invoice) -> date:
    """Return the last day an invoice must be kept: ten years after the end of its year."""
    day = invoice.issued_on or invoice.created_at.date()
    return date(day.year + RETENTION_YEARS, 12, 31)


def _explained(taxes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            **item,
            "reason": wording.reason(item["category"]),
            "reason_code": wording.REASON_CODES.get(item["category"], ""),
        }
        for item in taxes
    ]


@transaction.atomic
def finalise(invoice: Invoice, *, at: datetime) -> Invoice:
    """Number and freeze a draft; tasks make the file and mail it after the commit.

    The counter is taken last, so that other finalisations wait as short as possible. Raises
    ``IdentityMissing``, ``InvoiceRefused`` and, for anything but a draft, ``FrozenInvoice``.
    """
    from tremplin.billing.invoicing.tasks import mail_invoice, render_invoice

    with services.tenancy().public_write("invoice"):
        row = Invoice.objects.select_for_update().get(pk=invoice.pk)
        if row.state != Invoice.State.DRAFT:
            raise FrozenInvoice
        lines = list(row.lines.order_by("position"))
        if not lines:
            raise InvoiceRefused("no_lines")
        issuer = row.seller.get("issuer")
        tenant = parties.issuer_tenant(issuer)
        buyer = row.account
        is_credit_note = row.kind == Invoice.Kind.CREDIT_NOTE
        if is_credit_note and row.corrects is not None:
            # The parties of the corrected invoice, whatever became of them since.
            row.seller, row.buyer = dict(row.corrects.seller), dict(row.corrects.buyer)
        else:
            seller = parties.require(
                buyer, issuer, categories={line.tax_category for line in lines}
            )
            row.seller = parties.frozen_seller(seller, tenant)
            row.buyer = parties.frozen_buyer(buyer)
        with translation.override(row.locale):
            row.notes = [*row.notes, *wording.legal_notes(is_credit_note=is_credit_note)]
            row.taxes = _explained(row.taxes)
        today = at.astimezone(ZoneInfo(tenant.timezone)).date()
        taken = numbering.take(issuer, "credit_note" if is_credit_note else "invoice", today)
        row.series_id = taken.series_id
        row.sequence = taken.sequence
        row.number = taken.number
        row.issued_on = taken.issued_on
        row.due_on = max(row.due_on or taken.issued_on, taken.issued_on)
        row.finalised_at = at
        row.content_hash = content.fingerprint(row, lines)
        row.state = Invoice.State.OPEN
        if is_credit_note or row.total_minor == 0:
            row.state = Invoice.State.PAID
            row.paid_at = at
        row.save()
        runner.enqueue(render_invoice, invoice=str(row.pk))
        runner.enqueue(mail_invoice, invoice=str(row.pk))
    for field in Invoice._meta.concrete_fields:
        setattr(invoice, field.attname, getattr(row, field.attname))
    return invoice
