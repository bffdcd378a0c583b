"""One disagreement between what is stored, and the rules that the ledger alone must keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Sum

from tremplin.billing import ledger
from tremplin.billing.models import Invoice, LedgerEntry
from tremplin.billing.providers import get


@dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement: about what, the two values, and what it means."""

    kind: str
    subject: str
    expected: str
    found: str
    meaning: str
    is_repaired: bool = False

    def __str__(self) -> str:
        done = " [repaired]" if self.is_repaired else ""
        return (
            f"{self.kind} {self.subject}: expected {self.expected}, found {self.found}. "
            f"{self.meaning}{done}"
        )


def name_of(invoice: Invoice) -> str:
    """Return what an invoice is called in a difference."""
    return f"{invoice.kind} {invoice.number}"


def ledger_differences() -> Iterable[Difference]:
    """Yield the invoices whose entries do not add up, or are not those of their lines."""
    rows = LedgerEntry.objects.values("invoice").annotate(sum=Sum("amount_minor")).exclude(sum=0)
    for row in rows:
        yield Difference(
            "ledger",
            f"invoice {row['invoice']}",
            "0",
            str(row["sum"]),
            "What parties earned and owe does not add up.",
        )
    for invoice in Invoice.objects.exclude(state=Invoice.State.DRAFT):
        yield from _ledger_of(invoice)


def _ledger_of(invoice: Invoice) -> Iterable[Difference]:
    rows = list(invoice.ledger.all())
    is_note = invoice.kind == Invoice.Kind.CREDIT_NOTE
    sign = -1 if is_note else 1
    sold = [row for row in rows if row.kind in {"sale", "credit", "wholesale_sale"}]
    owed = -sum(row.amount_minor for row in sold if row.party == "customer")
    expected = sign * invoice.total_minor
    if "engine" not in get(invoice.provider).capabilities:
        expected -= invoice.credited_minor
    if owed != expected:
        yield Difference(
            "ledger-sale",
            name_of(invoice),
            str(expected),
            str(owed),
            "The shares of the invoice are missing or wrong.",
        )
    cash = -sum(row.amount_minor for row in rows if row.party == "cash")
    if not is_note and cash != invoice.paid_minor:
        yield Difference(
            "ledger-cash",
            name_of(invoice),
            str(invoice.paid_minor),
            str(cash),
            "Cash in the ledger is not what the invoice says was paid.",
        )
    if invoice.provider_ref.startswith(ledger.WHOLESALE):
        return
    margin = sign * sum(
        line.net_minor - line.cost_minor
        for line in invoice.lines.all()
        if line.cost_minor is not None and line.reseller_tenant_id is not None
    )
    earned = sum(row.amount_minor for row in sold if row.party == "reseller")
    if margin != earned:
        yield Difference(
            "margin",
            name_of(invoice),
            str(margin),
            str(earned),
            "The reseller's margin in the ledger is not the one frozen on the lines.",
        )
