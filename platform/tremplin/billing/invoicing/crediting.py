"""Credit notes: the only way to correct a finalised invoice, and never for more than it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from tremplin.api import services
from tremplin.billing import money
from tremplin.billing.errors import BadAmount
from tremplin.billing.invoicing import drafts, wording
from tremplin.billing.invoicing.errors import CreditTooLarge, InvoiceRefused
from tremplin.billing.invoicing.finalising import finalise
from tremplin.billing.invoicing.parties import plain
from tremplin.billing.lines import Line, TaxTotal
from tremplin.billing.models import Invoice, InvoiceLine

Group = tuple[Decimal, str]


def _line(row: InvoiceLine) -> Line:
    return Line(
        description=row.description,
        quantity=row.quantity,
        unit_minor=row.unit_minor,
        tax_rate=row.tax_rate,
        tax_category=row.tax_category,
        price=row.price_id,
        module=row.module,
        period_start=row.period_start,
        period_end=row.period_end,
        cost_minor=row.cost_minor,
        reseller_tenant_id=row.reseller_tenant_id,
        client_tenant_id=row.client_tenant_id,
    )


def _taxes(invoice: Invoice) -> dict[Group, tuple[int, int]]:
    return {
        (Decimal(item["rate"]), item["category"]): (item["net_minor"], item["tax_minor"])
        for item in invoice.taxes
    }


def _left_by_rate(invoice: Invoice) -> dict[Group, tuple[int, int]]:
    """Return net and VAT not yet credited, by rate: the last note closes to the cent."""
    left = _taxes(invoice)
    for note in invoice.credit_notes.exclude(state=Invoice.State.DRAFT):
        for group, (net, tax_minor) in _taxes(note).items():
            left[group] = (left[group][0] - net, left[group][1] - tax_minor)
    return left


def _rest(invoice: Invoice) -> tuple[list[Line], list[TaxTotal] | None]:
    if invoice.credited_minor == 0:
        return [_line(row) for row in invoice.lines.order_by("position")], None
    left = {group: both for group, both in sorted(_left_by_rate(invoice).items()) if any(both)}
    with translation.override(invoice.locale):
        text = _("Rest of invoice %(number)s") % {"number": invoice.number}
    lines = [
        Line(text, 1 if net >= 0 else -1, abs(net), rate, category)
        for (rate, category), (net, _tax) in left.items()
    ]
    taxes = [TaxTotal(*group, net, tax_minor) for group, (net, tax_minor) in left.items()]
    return lines, taxes


@transaction.atomic
def credit(
    invoice: Invoice,
    *,
    lines: Sequence[Line] | None,
    reason: str,
    at: datetime,
    taxes: Sequence[TaxTotal] | None = None,
) -> Invoice:
    """Issue a credit note and return it finalised; ``invoice`` is refreshed.

    ``taxes`` states the VAT of an amount that was agreed with VAT (a refund), to the cent.

    Raises ``InvoiceRefused`` (a draft, a credit note, no line, a rate the invoice does not have),
    ``BadAmount`` (nothing is credited) and ``CreditTooLarge``.
    """
    with services.tenancy().public_write("credit note"):
        row = Invoice.objects.select_for_update().get(pk=invoice.pk)
        if row.kind != Invoice.Kind.INVOICE or row.series_id is None:
            raise InvoiceRefused("not_an_invoice")
        left = row.total_minor - row.credited_minor
        if row.state == Invoice.State.VOID or (left == 0 and row.total_minor > 0):
            raise CreditTooLarge(money.amount_text(0, row.currency), 0)
        if lines is None:
            lines, taxes = _rest(row)
        known = _taxes(row)
        if any((line.tax_rate, line.tax_category) not in known for line in lines):
            raise InvoiceRefused("unknown_rate")
        note = drafts.build(
            lines,
            account=row.account,
            tenant_id=row.tenant_id,
            provider=row.provider,
            currency=row.currency,
            due_on=at.date(),
            subscription=row.subscription,
            order=row.order,
            issuer_tenant_id=row.series.issuer_tenant_id if row.series else None,
            locale=row.locale,
            corrects=row,
            taxes=taxes,
        )
        if note.total_minor == 0 and row.total_minor > 0:
            raise BadAmount(left)
        if note.total_minor > left:
            raise CreditTooLarge(money.amount_text(left, row.currency), left)
        with translation.override(row.locale):
            note.notes = [
                {
                    "code": "ACB",
                    "text": _("Corrects invoice %(number)s of %(day)s.")
                    % {"number": row.number, "day": wording.day(row.issued_on)},
                }
            ]
        if plain(reason):
            note.notes.append({"code": "ACB", "text": plain(reason)[:300]})
        note.save(update_fields=["notes"])
        finalise(note, at=at)
        row.credited_minor += note.total_minor
        if row.credited_minor == row.total_minor and row.state != Invoice.State.PAID:
            row.state = Invoice.State.VOID
        row.save(update_fields=["credited_minor", "state"])
    invoice.credited_minor, invoice.state = row.credited_minor, row.state
    return note
