"""What each line of a statement would do: a plan, made again at every look. Nothing is written."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db.models import CharField, F, Func, Q, Value
from django.db.models.functions import Upper

from tenants import registry
from tremplin.billing import money
from tremplin.billing.models import Invoice, InvoiceSeries, Payment
from tremplin.billing.orders import open_minor
from tremplin.operations.models import BankEntry
from tremplin.operations.payments.statements import numbers
from tremplin.operations.payments.statements.reading import Entry

# As many payments are recorded in one transaction: a request stays short.
BATCH = 100
# In the order of the page: what is recorded, what a person decides, what is left alone.
BY_HAND = ("part", "over", "several", "currency", "settled", "issuer", "future")
STATES = ("pay", *BY_HAND, "not_found", "known", "debit", "reversal", "pending", "unreadable")


@dataclass(frozen=True, slots=True)
class Row:
    """A line, what it would do, the invoices it names, its amount and what they owe before it."""

    entry: Entry
    state: str
    invoices: tuple[Invoice, ...] = ()
    amount_minor: int | None = None
    owed: tuple[int, ...] = ()

    @property
    def owed_minor(self) -> int:
        """Return what the invoices owe together."""
        return sum(self.owed)

    @property
    def to_confirm(self) -> Invoice | None:
        """Return the invoice whose page takes this line by hand."""
        return self.invoices[0] if self.state == "part" else None


@dataclass(frozen=True, slots=True)
class Plan:
    """Every line in the order of the file."""

    rows: tuple[Row, ...]
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def batch(self) -> tuple[Row, ...]:
        """Return the next payments that a confirmation records."""
        return tuple(row for row in self.rows if row.state == "pay")[:BATCH]

    @property
    def digest(self) -> str:
        """Return what ties a confirmation to the payments that were looked at."""
        facts = [
            f"{row.entry.key}:{invoice.pk}:{owed}"
            for row in self.batch
            for invoice, owed in zip(row.invoices, row.owed, strict=True)
        ]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()

    def sums(self) -> list[tuple[int, str]]:
        """Return the amounts of the next payments by currency."""
        found: dict[str, int] = defaultdict(int)
        for row in self.batch:
            found[row.entry.currency] += row.amount_minor or 0
        return [(amount, currency) for currency, amount in sorted(found.items())]


def plan_of(entries: Sequence[Entry], today: date) -> Plan:
    """Return what recording ``entries`` would do now; the queries do not follow their number."""
    incoming = [entry for entry in entries if entry.is_credit and not entry.state]
    named = _named(incoming)
    every = {invoice.pk: invoice for found in named.values() for invoice in found}
    matcher = _Matcher(
        named=named,
        owed={pk: _owed(invoice) for pk, invoice in every.items()},
        used=set(
            BankEntry.objects.filter(key__in=[entry.key for entry in incoming]).values_list(
                "key", flat=True
            )
        ),
        refs=_recorded(named, incoming),
        today=today,
    )
    rows = tuple(matcher.row(entry) for entry in entries)
    return Plan(rows, Counter(row.state for row in rows))


@dataclass(slots=True)
class _Matcher:
    """Judges the lines one after the other: what one line pays, the next one finds paid."""

    named: dict[str, tuple[Invoice, ...]]
    owed: dict[uuid.UUID, int]
    used: set[str]
    refs: set[str]
    today: date

    def row(self, entry: Entry) -> Row:
        amount = minor_of(entry)
        if entry.state:
            return Row(entry, entry.state, amount_minor=amount)
        if not entry.is_credit:
            return Row(entry, "debit", amount_minor=amount)
        invoices = self.named.get(entry.key, ())
        mine = tuple(one for one in invoices if not _other_issuer(one)) or invoices
        owed = tuple(self.owed[one.pk] for one in mine)
        state = self._state(entry, amount, mine, owed)
        if state == "pay":
            self.owed |= {one.pk: 0 for one in mine}
        return Row(entry, state, mine, amount, owed)

    def _state(
        self,
        entry: Entry,
        amount: int | None,
        invoices: tuple[Invoice, ...],
        owed: tuple[int, ...],
    ) -> str:
        if entry.key in self.used or any(
            f"{one.pk}:{entry.reference}" in self.refs for one in invoices
        ):
            return "known"
        day = entry.on
        if amount is None or day is None:
            return "unreadable"
        if not invoices:
            return "not_found"
        if _other_issuer(invoices[0]):
            return "issuer"
        if any(one.currency != entry.currency for one in invoices):
            return "currency"
        if not any(owed):
            return "settled"
        if day > self.today:
            return "future"
        if amount == sum(owed) and all(owed):
            return "pay"
        if len(invoices) > 1:
            return "several"
        return "part" if amount < sum(owed) else "over"


def minor_of(entry: Entry) -> int | None:
    """Return the amount in minor units, None when the currency cannot hold it."""
    amount = entry.money
    if amount is None:
        return None
    try:
        return money.minor(amount, entry.currency)
    except ValueError:
        return None


def _owed(invoice: Invoice) -> int:
    return open_minor(invoice) if invoice.state == Invoice.State.OPEN else 0


def _other_issuer(invoice: Invoice) -> bool:
    """Tell whether a reseller or a school issued it: its money arrives on their own account."""
    issuer = invoice.series.issuer_tenant_id if invoice.series else None
    hq = registry.hq()
    return issuer is not None and (hq is None or issuer != hq.pk)


def _recorded(named: dict[str, tuple[Invoice, ...]], entries: Iterable[Entry]) -> set[str]:
    """Return the references of lines that were recorded by hand."""
    wanted = [
        f"{invoice.pk}:{entry.reference}"
        for entry in entries
        for invoice in named.get(entry.key, ())
    ]
    found = Payment.objects.filter(provider="invoice", provider_ref__in=wanted)
    return set(found.values_list("provider_ref", flat=True))


def _named(entries: Sequence[Entry]) -> dict[str, tuple[Invoice, ...]]:
    """Return the invoices that each line names, by number or by the order they came from."""
    shape = numbers.shape_of(
        InvoiceSeries.objects.order_by().values_list("template", flat=True).distinct()
    )
    said = {entry.key: numbers.mentions(entry.label, shape) for entry in entries}
    ordered = {entry.key: numbers.orders(entry.label) for entry in entries}
    by_number, by_order = _invoices(
        {one.text for found in said.values() for one in found},
        {uuid.UUID(one) for found in ordered.values() for one in found},
    )
    result = {}
    for entry in entries:
        found: dict[uuid.UUID, Invoice] = {}
        for number in numbers.known(said[entry.key], set(by_number)):
            found |= {one.pk: one for one in by_number[number]}
        for reference in ordered[entry.key]:
            found |= {one.pk: one for one in by_order.get(uuid.UUID(reference), ())}
        if found:
            result[entry.key] = tuple(found.values())
    return result


def _invoices(
    wanted: set[str], orders: set[uuid.UUID]
) -> tuple[dict[str, list[Invoice]], dict[uuid.UUID, list[Invoice]]]:
    by_number: dict[str, list[Invoice]] = defaultdict(list)
    by_order: dict[uuid.UUID, list[Invoice]] = defaultdict(list)
    if not wanted and not orders:
        return by_number, by_order
    bare = Func(
        Upper(F("number")), Value("[^A-Z0-9]"), Value(""), Value("g"),
        function="regexp_replace", output_field=CharField(),
    )  # fmt: skip
    rows = (
        Invoice.objects.filter(kind=Invoice.Kind.INVOICE)
        .exclude(state=Invoice.State.DRAFT)
        .annotate(bare=bare)
        .filter(Q(bare__in=wanted) | Q(order_id__in=orders))
        .defer("xml")
        .select_related("series", "account")
        .order_by("finalised_at", "id")
    )
    for invoice in rows:
        by_number[numbers.squeezed(invoice.number)].append(invoice)
        if invoice.order_id is not None:
            by_order[invoice.order_id].append(invoice)
    return by_number, by_order
