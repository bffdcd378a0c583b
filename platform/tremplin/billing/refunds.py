"""Money that goes back: refunds with their credit note, and disputes of card payments."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from tenants import registry
from tremplin.billing import invoicing, lateness, ledger
from tremplin.billing.facts import Dispute, Refunded
from tremplin.billing.lines import Line, half_up, percent_of, share_out
from tremplin.billing.models import Invoice, InvoiceLine, Payment, ProviderEvent
from tremplin.billing.providers import get
from tremplin.kernel import clock


def refunded(fact: Refunded, payment: Payment, reason: str) -> str:
    """Bring a payment to the total given back so far; the difference gets its credit note."""
    if payment.state != Payment.State.SETTLED:
        return "waiting"
    total = min(fact.refunded_minor, payment.amount_minor)
    given = total - payment.refunded_minor
    if fact.currency != payment.currency:
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
    whole = given == left and invoice.credited_minor == 0
    lines = None if whole else credit_lines(list(invoice.lines.all()), given)
    note = invoicing.credit(
        invoice, lines=lines, reason=reason or "refund", at=clock.now()
    )
    ledger.post_credit(note)


def credit_lines(rows: Sequence[InvoiceLine], gross: int) -> list[Line]:
    """Return lines whose total with VAT is exactly ``gross``, spread over an invoice's lines.

    Where no net amount has that total at the rate (20 percent of 2 or 3 cents), one unit at the
    rate zero makes up the difference.
    """
    sold = [row for row in rows if row.net_minor > 0]
    weights = [row.net_minor + percent_of(row.net_minor, row.tax_rate) for row in sold]
    groups: dict[tuple[Decimal, str], list[InvoiceLine]] = {}
    amounts: dict[tuple[Decimal, str], int] = {}
    for row, part in zip(sold, share_out(gross, weights), strict=True):
        key = (row.tax_rate, row.tax_category)
        groups.setdefault(key, []).append(row)
        amounts[key] = amounts.get(key, 0) + part
    lines: list[Line] = []
    missing = 0
    for (rate, _category), members in groups.items():
        target = amounts[(rate, _category)]
        net = _net_of(target, rate)
        missing += target - net - percent_of(net, rate)
        for row, part in zip(
            members, share_out(net, [row.net_minor for row in members]), strict=True
        ):
            lines.append(_credit_line(row, part))
    if missing:
        lines.append(Line(sold[0].description, 1, missing, Decimal("0.00"), "Z"))
    return [line for line in lines if line.unit_minor]


def _net_of(gross: int, rate: Decimal) -> int:
    """Return the largest net amount whose total with VAT is at most ``gross``."""
    net = half_up(Fraction(gross * 100) / (100 + Fraction(rate))) + 1
    while net + percent_of(net, rate) > gross:
        net -= 1
    return net


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
