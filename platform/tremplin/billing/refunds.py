"""Money that goes back: refunds with their credit note, and disputes of card payments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from tenants import registry
from tremplin.billing import invoicing, lateness, ledger
from tremplin.billing.facts import Dispute, Refunded
from tremplin.billing.lines import Line, TaxTotal, half_up, share_out
from tremplin.billing.models import Invoice, InvoiceLine, Payment, ProviderEvent
from tremplin.billing.providers import get
from tremplin.kernel import clock

Group = tuple[Decimal, str]


def refunded(fact: Refunded, payment: Payment, reason: str) -> str:
    """Bring a payment to the total given back so far; the difference gets its credit note."""
    if payment.state != Payment.State.SETTLED:
        return "waiting"
    total = fact.refunded_minor
    given = total - payment.refunded_minor
    if fact.currency != payment.currency or total > payment.amount_minor:
        return "mismatch"
    if given <= 0:
        return "older"
    payment.refunded_minor = total
    payment.save(update_fields=["refunded_minor"])
    invoice = payment.invoice
    if invoice is not None:
        _credit(invoice, given, reason)
        invoice.refresh_from_db()
        invoice.paid_minor -= given
        invoice.save(update_fields=["paid_minor"])
        ledger.post_refund(payment, given)
    return "applied"


def _credit(invoice: Invoice, given: int, reason: str) -> None:
    left = invoice.total_minor - invoice.credited_minor
    if "engine" not in get(invoice.provider).capabilities:
        # The provider issued the invoice and issues the credit note.
        ledger.post_reversal(invoice, given)
        invoice.credited_minor += given
        invoice.save(update_fields=["credited_minor"])
        return
    lines: list[Line] | None = None
    taxes: list[TaxTotal] | None = None
    if given < left or invoice.credited_minor:
        lines, taxes = credit_parts(invoice, given)
    note = invoicing.credit(
        invoice, lines=lines, taxes=taxes, reason=reason or "refund", at=clock.now()
    )
    ledger.post_credit(note)


def credit_parts(invoice: Invoice, gross: int) -> tuple[list[Line], list[TaxTotal]]:
    """Return lines and VAT whose total is exactly ``gross``, spread over an invoice's lines.

    The amount is agreed with VAT, so the VAT is what is inside it (a cent may differ from the rate
    applied to the net). The last credit note takes what is left of net, VAT and cost.
    """
    left = _left_by_rate(invoice)
    is_last = gross == sum(net + tax for net, tax in left.values())
    amounts = dict(left)
    if not is_last:
        parts = share_out(gross, [max(net + tax, 0) for net, tax in left.values()])
        for (key, (net_left, tax_left)), part in zip(left.items(), parts, strict=True):
            net = half_up(Fraction(part * 100) / (100 + Fraction(key[0])))
            net = min(max(net, part - tax_left), max(net_left, 0))
            amounts[key] = (net, part - net)
    rows = list(invoice.lines.all())
    lines: list[Line] = []
    for (rate, category), (net, _tax) in amounts.items():
        members = [row for row in rows if (row.tax_rate, row.tax_category) == (rate, category)]
        lines += _spread(members, net)
    if is_last:
        lines = _with_last_cost(invoice, rows, lines)
    taxes = [
        TaxTotal(rate, category, net, tax)
        for (rate, category), (net, tax) in sorted(amounts.items())
        if net or tax
    ]
    return lines, taxes


def _left_by_rate(invoice: Invoice) -> dict[Group, tuple[int, int]]:
    left: dict[Group, tuple[int, int]] = {}
    for document, sign in ((invoice, 1), *((note, -1) for note in invoice.credit_notes.all())):
        for item in document.taxes:
            key = (Decimal(item["rate"]), item["category"])
            net, tax = left.get(key, (0, 0))
            left[key] = (net + sign * item["net_minor"], tax + sign * item["tax_minor"])
    return left


def _spread(members: Sequence[InvoiceLine], net: int) -> list[Line]:
    sold = [row for row in members if row.net_minor > 0]
    if net < 0 or not sold:
        row = members[0]
        return [Line(row.description, -1, -net, row.tax_rate, row.tax_category)] if net else []
    parts = share_out(net, [row.net_minor for row in sold])
    return [_credit_line(row, part) for row, part in zip(sold, parts, strict=True) if part]


def _with_last_cost(invoice: Invoice, rows: Sequence[InvoiceLine], lines: list[Line]) -> list[Line]:
    """Let the last credit take back exactly what is left of the reseller's cost."""
    noted = InvoiceLine.objects.filter(invoice__corrects=invoice, cost_minor__isnull=False)
    given = sum(row.cost_minor or 0 for row in noted)
    given += sum(line.cost_minor or 0 for line in lines)
    missing = sum(row.cost_minor or 0 for row in rows) - given
    for index in range(len(lines) - 1, -1, -1):
        cost = lines[index].cost_minor
        if cost is not None and missing:
            lines[index] = replace(lines[index], cost_minor=cost + missing)
            break
    return lines


def _credit_line(row: InvoiceLine, net: int) -> Line:
    cost = None
    if row.cost_minor is not None:
        cost = half_up(Fraction(row.cost_minor * net, row.net_minor))
    return Line(
        description=row.description,
        quantity=1,
        unit_minor=net,
        tax_rate=row.tax_rate,
        tax_category=row.tax_category,
        price=row.price_id,
        module=row.module,
        period_start=row.period_start,
        period_end=row.period_end,
        cost_minor=cost,
        reseller_tenant_id=row.reseller_tenant_id,
        client_tenant_id=row.client_tenant_id,
    )


def disputed(fact: Dispute, payment: Payment) -> str:
    """Note a dispute; one that is lost takes the money back and the invoice is owed again."""
    about = ProviderEvent.objects.filter(
        provider=fact.provider,
        kind="Dispute",
        body__payment_ref=fact.payment_ref,
        outcome="applied",
    )
    is_closed = about.filter(body__outcome__in=("won", "lost")).exists()
    if is_closed or about.filter(occurred_at__gt=fact.occurred_at).exists():
        return "older"
    if payment.state != Payment.State.SETTLED:
        return "waiting"
    if fact.currency != payment.currency:
        return "mismatch"
    amount = min(fact.amount_minor, payment.amount_minor - payment.refunded_minor)
    if fact.outcome == "lost":
        _lost(payment, amount)
        return "applied"
    payment.disputed_minor = amount if fact.outcome == "opened" else 0
    payment.save(update_fields=["disputed_minor"])
    return "applied"


def _lost(payment: Payment, amount: int) -> None:
    payment.disputed_minor = amount
    payment.refunded_minor += amount
    payment.save(update_fields=["disputed_minor", "refunded_minor"])
    invoice = payment.invoice
    if invoice is None or not amount:
        return
    invoice.paid_minor -= amount
    if invoice.state == Invoice.State.PAID:
        invoice.state, invoice.paid_at = Invoice.State.OPEN, None
    invoice.save(update_fields=["paid_minor", "state", "paid_at"])
    ledger.post_refund(payment, amount, kind="dispute")
    tenant = registry.by_pk(invoice.tenant_id)
    if tenant is not None and invoice.subscription is not None:
        lateness.refresh(tenant, invoice.subscription)
