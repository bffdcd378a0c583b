"""Lines of a quote or an invoice as values, and their totals with VAT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Line:
    """One line: ``net_minor`` is always ``quantity`` times ``unit_minor``, before VAT.

    A credit has a negative quantity. ``cost_minor`` is what the reseller pays for the whole line.
    """

    description: str
    quantity: int
    unit_minor: int
    tax_rate: Decimal
    tax_category: str = "S"
    price: UUID | None = None
    module: str = ""
    seats: int | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    cost_minor: int | None = None
    reseller_tenant_id: int | None = None
    client_tenant_id: int | None = None

    @property
    def net_minor(self) -> int:
        """Return the amount of the line before VAT, in minor units."""
        return self.quantity * self.unit_minor

    def reversed(self) -> Line:
        """Return the same line taken back."""
        cost = None if self.cost_minor is None else -self.cost_minor
        return replace(self, quantity=-self.quantity, cost_minor=cost)

    def as_json(self) -> dict[str, Any]:
        """Return the line as JSON values (a stored quote)."""
        body = asdict(self)
        body["tax_rate"] = str(self.tax_rate)
        body["price"] = str(self.price) if self.price else None
        for key in ("period_start", "period_end"):
            body[key] = body[key].isoformat() if body[key] else None
        return body

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Line:
        """Return the line that ``as_json`` wrote."""
        values = dict(body)
        values["tax_rate"] = Decimal(values["tax_rate"])
        values["price"] = UUID(values["price"]) if values["price"] else None
        for key in ("period_start", "period_end"):
            values[key] = datetime.fromisoformat(values[key]) if values[key] else None
        return cls(**values)


@dataclass(frozen=True, slots=True)
class TaxTotal:
    """The VAT of one rate: computed once, on the sum of its lines."""

    rate: Decimal
    category: str
    net_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Amounts of a document in minor units, and their VAT by rate."""

    net_minor: int
    tax_minor: int
    total_minor: int
    taxes: tuple[TaxTotal, ...]


def half_up(amount: Fraction) -> int:
    """Round to the nearest unit, halves away from zero: a credit mirrors its charge."""
    if amount < 0:
        return -half_up(-amount)
    return int((amount + Fraction(1, 2)).__floor__())


def percent_of(amount_minor: int, percent: Decimal) -> int:
    """Return ``percent`` of an amount, half-up."""
    return half_up(Fraction(amount_minor) * Fraction(percent) / 100)


def totals(lines: Iterable[Line]) -> Totals:
    """Return the totals: VAT per rate on the sum of its lines, half-up (EN 16931, BR-CO-17)."""
    sums: dict[tuple[Decimal, str], int] = {}
    for line in lines:
        key = (line.tax_rate, line.tax_category)
        sums[key] = sums.get(key, 0) + line.net_minor
    taxes = tuple(
        TaxTotal(rate, category, net, percent_of(net, rate))
        for (rate, category), net in sorted(sums.items())
    )
    net = sum(item.net_minor for item in taxes)
    tax = sum(item.tax_minor for item in taxes)
    return Totals(net, tax, net + tax, taxes)


def share_out(amount: int, weights: Sequence[int]) -> list[int]:
    """Split ``amount`` by weights so that the parts add up to it (largest remainders first)."""
    whole = sum(weights)
    if whole == 0:
        return [0 for _ in weights]
    exact = [Fraction(amount * weight, whole) for weight in weights]
    parts = [part.__floor__() for part in exact]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for index in order[: amount - sum(parts)]:
        parts[index] += 1
    return parts
