"""Periods and proration, without any row: the same functions preview a change and execute it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from tremplin.billing.lines import Line, half_up
from tremplin.licensing.periods import add_months

MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True)
class Charge:
    """What one item costs for a whole period, discount taken off; ``name`` goes on the invoice."""

    name: str
    net_minor: int
    seats: int
    tax_rate: Decimal
    tax_category: str
    price: UUID
    module: str = ""
    cost_minor: int | None = None
    reseller_tenant_id: int | None = None
    client_tenant_id: int | None = None
    unit_minor: int | None = None

    def line(self, start: datetime | None, end: datetime | None) -> Line:
        """Return the line of a whole period; seats show as quantity where the price is per seat."""
        per_seat = self.unit_minor is not None
        return Line(
            description=self.name,
            quantity=self.seats if per_seat else 1,
            unit_minor=self.unit_minor if self.unit_minor is not None else self.net_minor,
            tax_rate=self.tax_rate,
            tax_category=self.tax_category,
            price=self.price,
            module=self.module,
            seats=self.seats,
            period_start=start,
            period_end=end,
            cost_minor=self.cost_minor,
            reseller_tenant_id=self.reseller_tenant_id,
            client_tenant_id=self.client_tenant_id,
        )


def moment(anchor: datetime, zone: str, months: int) -> datetime:
    """Return (UTC) the local day and time of ``anchor`` so many months later.

    Always from the anchor: 31 January, 28 February, 31 March; the hour stays the local one when
    clocks change.
    """
    tz = ZoneInfo(zone)
    local = anchor.astimezone(tz).replace(tzinfo=None)
    return add_months(local, months).replace(tzinfo=tz).astimezone(UTC)


def period(anchor: datetime, zone: str, interval: str, index: int) -> tuple[datetime, datetime]:
    """Return the start and end (UTC) of period ``index`` (0 is the first) from the anchor."""
    step = MONTHS[interval]
    start = anchor.astimezone(UTC) if index == 0 else moment(anchor, zone, index * step)
    return start, moment(anchor, zone, (index + 1) * step)


def remaining(amount_minor: int, start: datetime, end: datetime, at: datetime) -> int:
    """Return the part of a period's amount from ``at`` to its end, by second, half-up.

    ``at`` outside the period counts as its nearest edge.
    """
    inside = min(max(at, start), end)
    whole = int((end - start).total_seconds())
    left = int((end - inside).total_seconds())
    return half_up(Fraction(amount_minor * left, whole)) if whole > 0 else 0


def change_lines(
    old: Sequence[Charge],
    new: Sequence[Charge],
    start: datetime,
    end: datetime,
    at: datetime,
    *,
    credit_text: str = "%s",
    charge_text: str = "%s",
    new_end: datetime | None = None,
) -> list[Line]:
    """Return one credit line per item that goes and one charge line per item that comes.

    With ``new_end`` a fresh period starts at ``at`` and is charged whole (another rhythm). Items
    that stay the same make no line; a line of zero is left out.
    """
    gone = [charge for charge in old if charge not in new]
    come = [charge for charge in new if charge not in old] if new_end is None else list(new)
    if new_end is not None:
        gone = list(old)
    lines: list[Line] = []
    for charge in gone:
        part = remaining(charge.net_minor, start, end, at)
        lines.append(_part(charge, credit_text, -1, part, _cost(charge, start, end, at), at, end))
    for charge in come:
        if new_end is None:
            part = remaining(charge.net_minor, start, end, at)
            cost = _cost(charge, start, end, at)
        else:
            part, cost = charge.net_minor, charge.cost_minor
        lines.append(_part(charge, charge_text, 1, part, cost, at, new_end or end))
    return [line for line in lines if line.unit_minor]


def _cost(charge: Charge, start: datetime, end: datetime, at: datetime) -> int | None:
    return None if charge.cost_minor is None else remaining(charge.cost_minor, start, end, at)


def _part(
    charge: Charge,
    text: str,
    sign: int,
    amount: int,
    cost: int | None,
    at: datetime,
    end: datetime,
) -> Line:
    return Line(
        description=text % charge.name,
        quantity=sign,
        unit_minor=amount,
        tax_rate=charge.tax_rate,
        tax_category=charge.tax_category,
        price=charge.price,
        module=charge.module,
        seats=charge.seats,
        period_start=at,
        period_end=end,
        cost_minor=None if cost is None else sign * cost,
        reseller_tenant_id=charge.reseller_tenant_id,
        client_tenant_id=charge.client_tenant_id,
    )
