"""Who earned what of each invoice. Rows are only added; those of one invoice sum to zero.

Signs: what a party gains is positive. A sale takes its total from the customer and shares the net
between platform, reseller and publisher, the VAT apart; a payment moves cash against the customer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Q, Sum

from tremplin.api import services
from tremplin.billing.lines import percent_of, share_out
from tremplin.billing.models import Invoice, InvoiceLine, LedgerEntry, Payment
from tremplin.kernel import clock

Share = tuple[str, Decimal]
Party = LedgerEntry.Party
_publisher_of: list[Callable[[str], Share | None]] = []
WHOLESALE = "wholesale:"
_REVERSAL = Q(kind="credit", invoice__kind=Invoice.Kind.INVOICE)


def register_publishers(find: Callable[[str], Share | None]) -> None:
    """Let the marketplace say who published a module: (publisher reference, percent of the net)."""
    if find not in _publisher_of:
        _publisher_of.append(find)


def forget_publishers(find: Callable[[str], Share | None]) -> None:
    """Take a source of publishers out again (tests)."""
    _publisher_of.remove(find)


def post_sale(invoice: Invoice) -> None:
    """Write the shares of a finalised invoice, once.

    On the reseller's own invoice the reseller earns its frozen margin (net - cost) and owes the
    rest to the platform.
    """
    if invoice.ledger.filter(kind="sale").exists():
        return
    _post_shares(invoice, 1, "sale")


def post_credit(note: Invoice) -> None:
    """Write the reversal rows of a credit note, once."""
    if note.ledger.filter(kind="credit").exists():
        return
    _post_shares(note, -1, "credit")


def post_reversal(invoice: Invoice, amount_minor: int) -> None:
    """Take back a part (VAT included) of the shares of an invoice that a provider issued.

    Such a provider makes its own credit note, so the rows stay on its invoice.
    """
    sold = list(invoice.ledger.filter(kind="sale").exclude(party=Party.CUSTOMER).order_by("id"))
    parts = share_out(amount_minor, [row.amount_minor for row in sold])
    now = clock.now()
    customer = str(invoice.account_id)
    rows = [
        _row(invoice, row.party, row.party_ref, "credit", -part, now, line=row.line)
        for row, part in zip(sold, parts, strict=True)
    ]
    rows.append(_row(invoice, Party.CUSTOMER, customer, "credit", sum(parts), now))
    _write([row for row in rows if row.amount_minor])


def post_payment(payment: Payment) -> None:
    """Write that the customer paid: cash against what it owed."""
    if payment.invoice is None or payment.ledger.filter(kind="payment").exists():
        return
    _move_cash(payment.invoice, payment, payment.amount_minor, "payment")


def post_refund(payment: Payment, amount_minor: int, *, kind: str = "refund") -> None:
    """Write that money went back (``refund``) or was taken back by the bank (``dispute``)."""
    if payment.invoice is not None:
        _move_cash(payment.invoice, payment, -amount_minor, kind)


def balance(invoice: Invoice) -> int:
    """Return the sum of an invoice's rows: always 0."""
    return invoice.ledger.aggregate(sum=Sum("amount_minor"))["sum"] or 0


def earned(
    party: str,
    party_ref: str,
    *,
    first: date | None = None,
    until: date | None = None,
    currency: str = "",
    zone: str = "UTC",
) -> int:
    """Return what a party earned from sales less credits, dated ``first`` to ``until`` (out).

    With ``currency`` "" the amounts of all currencies are added: name one where there are several.
    """
    rows = LedgerEntry.objects.filter(party=party, party_ref=party_ref, kind__in=("sale", "credit"))
    if currency:
        rows = rows.filter(currency=currency)
    if first is not None or until is not None:
        rows = rows.filter(dated(first, until, zone))
    return rows.aggregate(sum=Sum("amount_minor"))["sum"] or 0


def dated(first: date | None, until: date | None, zone: str = "UTC") -> Q:
    """Return the filter of the entries of some days: those of their document, as printed.

    A reversal of an invoice that its provider credits has no document of ours: its own day counts,
    in ``zone``, so that a month that is over never changes.
    """
    document, reversal = ~_REVERSAL, _REVERSAL
    if first is not None:
        document &= Q(invoice__issued_on__gte=first)
        reversal &= Q(at__gte=datetime.combine(first, time.min, ZoneInfo(zone)))
    if until is not None:
        document &= Q(invoice__issued_on__lt=until)
        reversal &= Q(at__lt=datetime.combine(until, time.min, ZoneInfo(zone)))
    return document | reversal


def shares(line: InvoiceLine, *, wholesale: bool = False) -> list[tuple[str, str, int]]:
    """Return (party, reference, amount) of a line's net; they add up to it."""
    left = line.net_minor
    found: list[tuple[str, str, int]] = []
    if line.cost_minor is not None and line.reseller_tenant_id is not None and not wholesale:
        found.append((Party.RESELLER, str(line.reseller_tenant_id), left - line.cost_minor))
        left = line.cost_minor
    share = _publisher(line.module) if line.module and not wholesale else None
    if share is not None:
        part = percent_of(left, share[1])
        found.append((Party.PUBLISHER, share[0], part))
        left -= part
    found.append((Party.PLATFORM, "", left))
    return found


def _publisher(module: str) -> Share | None:
    for find in _publisher_of:
        share = find(module)
        if share is not None:
            return share
    return None


def _post_shares(invoice: Invoice, sign: int, kind: str) -> None:
    now = clock.now()
    is_wholesale = invoice.provider_ref.startswith(WHOLESALE)
    if is_wholesale:
        # The platform's part was earned on the client's invoice: this one only collects it.
        kind = f"wholesale_{kind}"
    rows = []
    for line in invoice.lines.all():
        rows += [
            _row(invoice, party, ref, kind, sign * amount, now, line=line)
            for party, ref, amount in shares(line, wholesale=is_wholesale)
            if amount
        ]
    if invoice.tax_minor:
        rows.append(_row(invoice, Party.TAX, "", kind, sign * invoice.tax_minor, now))
    rows.append(
        _row(
            invoice,
            Party.CUSTOMER,
            str(invoice.account_id),
            kind,
            -sign * invoice.total_minor,
            now,
        )
    )
    _write([row for row in rows if row.amount_minor])


def _move_cash(invoice: Invoice, payment: Payment, amount: int, kind: str) -> None:
    now = clock.now()
    customer = str(invoice.account_id)
    _write(
        [
            _row(invoice, Party.CUSTOMER, customer, kind, amount, now, payment=payment),
            _row(invoice, Party.CASH, invoice.provider, kind, -amount, now, payment=payment),
        ]
    )


def _row(
    invoice: Invoice,
    party: str,
    ref: str,
    kind: str,
    amount: int,
    at: datetime,
    *,
    line: InvoiceLine | None = None,
    payment: Payment | None = None,
) -> LedgerEntry:
    return LedgerEntry(
        invoice=invoice,
        line=line,
        payment=payment,
        party=party,
        party_ref=ref,
        kind=kind,
        currency=invoice.currency,
        amount_minor=amount,
        at=at,
    )


def _write(rows: list[LedgerEntry]) -> None:
    with services.tenancy().public_write("ledger"):
        LedgerEntry.objects.bulk_create(rows)
