"""What a reseller earned in a month: the frozen lines of its clients, and the ledger beside them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tenants.models import Tenant
from tremplin.billing import selectors
from tremplin.billing.money import major
from tremplin.billing.selectors import StatementRow
from tremplin.identity.importing.export import safe_cell, separator_for
from tremplin.kernel import clock

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

MONTH = re.compile(r"(2[0-9]{3})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a client."""

    client: str
    line: StatementRow


@dataclass(frozen=True, slots=True)
class Total:
    """The sums of a month in one currency; ``ledger_minor`` is the margin that the ledger holds."""

    currency: str
    net_minor: int
    cost_minor: int
    margin_minor: int
    ledger_minor: int

    @property
    def is_right(self) -> bool:
        """Tell whether the lines and the ledger say the same."""
        return self.margin_minor == self.ledger_minor


@dataclass(frozen=True, slots=True)
class ClientTotal:
    """The sums of one client in one currency."""

    client: str
    currency: str
    net_minor: int
    cost_minor: int
    margin_minor: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A month of a reseller; ``month`` is its first day. Amounts are before VAT, in minor units."""

    month: date
    rows: tuple[Row, ...]
    clients: tuple[ClientTotal, ...]
    totals: tuple[Total, ...]


def this_month(reseller: TenantInfo) -> date:
    """Return the first day of the current month where the reseller is."""
    return clock.now().astimezone(ZoneInfo(reseller.timezone)).date().replace(day=1)


def month_of(text: str) -> date | None:
    """Return the first day of a month written ``2026-11``, None for anything else."""
    found = MONTH.fullmatch(text)
    return date(int(found[1]), int(found[2]), 1) if found else None


def moved(month: date, by: int) -> date:
    """Return the first day of another month."""
    index = month.year * 12 + month.month - 1 + by
    return date(index // 12, index % 12 + 1, 1)


def of(reseller: TenantInfo, month: date) -> Statement:
    """Return the statement of the month that starts on ``month``."""
    lines = selectors.statement(reseller, month)
    names = dict(
        Tenant.objects.filter(pk__in={line.client_tenant_id for line in lines}).values_list(
            "pk", "name"
        )
    )
    gone = _("Deleted space")
    rows = tuple(Row(names.get(line.client_tenant_id, gone), line) for line in lines)
    return Statement(month, rows, tuple(_by_client(rows)), tuple(_totals(reseller, month, rows)))


def _by_client(rows: Iterable[Row]) -> list[ClientTotal]:
    sums: dict[tuple[str, str, int], tuple[int, int]] = {}
    for row in rows:
        key = (row.client, row.line.currency, row.line.client_tenant_id)
        net, cost = sums.get(key, (0, 0))
        sums[key] = (net + row.line.net_minor, cost + row.line.cost_minor)
    return [
        ClientTotal(name, currency, net, cost, net - cost)
        for (name, currency, _key), (net, cost) in sorted(sums.items())
    ]


def _totals(reseller: TenantInfo, month: date, rows: Iterable[Row]) -> list[Total]:
    sums: dict[str, tuple[int, int]] = {}
    for row in rows:
        net, cost = sums.get(row.line.currency, (0, 0))
        sums[row.line.currency] = (net + row.line.net_minor, cost + row.line.cost_minor)
    return [
        Total(currency, net, cost, net - cost, selectors.margin(reseller, month, currency))
        for currency, (net, cost) in sorted(sums.items())
    ]


def as_csv(found: Statement) -> bytes:
    """Return a statement for a spreadsheet of the reader's language; texts never run as formulas.

    Amounts keep their sign: they are figures, with the decimal mark of the language.
    """
    language = get_language() or "en"
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator_for(language))
    writer.writerow(
        [
            _("Client"), _("Invoice"), _("Date"), _("Description"), _("Kind"), _("Before VAT"),
            _("Cost"), _("Margin"), _("Currency"),
        ]
    )  # fmt: skip
    sale, credit = _("Sale"), _("Credit")
    for row in found.rows:
        line = row.line
        writer.writerow(
            [
                safe_cell(row.client),
                safe_cell(line.invoice_number),
                line.issued_on.isoformat(),
                safe_cell(line.description),
                credit if line.is_credit else sale,
                *_amounts(line, language),
            ]
        )
    for total in found.totals:
        writer.writerow([_("Total"), "", "", "", "", *_amounts(total, language)])
    return out.getvalue().encode("utf-8-sig")


def _amounts(of: StatementRow | Total, language: str) -> list[str]:
    amounts = [
        str(major(amount, of.currency)) for amount in (of.net_minor, of.cost_minor, of.margin_minor)
    ]
    if language.startswith("fr"):
        amounts = [amount.replace(".", ",") for amount in amounts]
    return [*amounts, of.currency]
