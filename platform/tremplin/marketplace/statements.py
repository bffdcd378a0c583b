"""What a publisher earned, month by month, from the ledger of billing."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tremplin.billing import ledger
from tremplin.billing.models import LedgerEntry
from tremplin.billing.money import major
from tremplin.identity.importing.export import safe_cell
from tremplin.marketplace.models import Listing, Publisher


@dataclass(frozen=True, slots=True)
class StatementLine:
    """The share of one invoice line."""

    at: date
    invoice: str
    module: str
    description: str
    net_minor: int
    share_minor: int
    currency: str
    kind: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A month of a publisher; amounts are in minor units."""

    publisher: Publisher
    month: date
    lines: tuple[StatementLine, ...]

    @property
    def totals(self) -> dict[str, int]:
        """Return the sum by currency."""
        found: dict[str, int] = {}
        for line in self.lines:
            found[line.currency] = found.get(line.currency, 0) + line.share_minor
        return found


def share_of(module: str) -> tuple[str, Decimal] | None:
    """Return (publisher, percent of the net) of a module, None for one of the platform."""
    listing = Listing.objects.select_related("publisher").filter(pk=module).first()
    if listing is None or listing.publisher_id == "tremplin":
        return None
    return listing.publisher_id, listing.publisher.share_percent


def register() -> None:
    """Tell the ledger whose part of a line is whose."""
    ledger.register_publishers(share_of)


def next_month(month: date) -> date:
    """Return the first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def of(publisher: Publisher, month: date) -> Statement:
    """Return the statement of the month that starts on ``month``."""
    rows = (
        LedgerEntry.objects.filter(
            party=LedgerEntry.Party.PUBLISHER,
            party_ref=publisher.pk,
            kind__in=("sale", "credit"),
            invoice__issued_on__gte=month,
            invoice__issued_on__lt=next_month(month),
        )
        .select_related("invoice", "line")
        .order_by("invoice__issued_on", "id")
    )
    return Statement(
        publisher,
        month,
        tuple(
            StatementLine(
                at=row.invoice.issued_on or month,
                invoice=row.invoice.number,
                module=row.line.module if row.line is not None else "",
                description=row.line.description if row.line is not None else "",
                net_minor=row.line.net_minor if row.line is not None else 0,
                share_minor=row.amount_minor,
                currency=row.currency,
                kind=row.kind,
            )
            for row in rows
        ),
    )


def as_csv(statement: Statement) -> str:
    """Return a statement as CSV: amounts in major units, a dot as decimal mark."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(
        ["date", "invoice", "module", "description", "net", "share", "currency", "kind"]
    )
    for line in statement.lines:
        writer.writerow(
            [
                line.at.isoformat(),
                line.invoice,
                line.module,
                safe_cell(line.description),
                major(line.net_minor, line.currency),
                major(line.share_minor, line.currency),
                line.currency,
                line.kind,
            ]
        )
    return target.getvalue()
