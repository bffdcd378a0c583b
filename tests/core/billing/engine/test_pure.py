"""Arithmetic of money without any row: rounding, VAT, periods, proration, tiers, coupons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tremplin.billing import lines, money, pricing, proration
from tremplin.billing.models import Price
from tremplin.billing.proration import Charge

START = datetime(2026, 4, 1, tzinfo=UTC)
END = datetime(2026, 5, 1, tzinfo=UTC)


def charge(net: int, **fields: object) -> Charge:
    return Charge("x", net, 1, Decimal("20.00"), "S", uuid4(), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        (Fraction(1, 2), 1),
        (Fraction(3, 2), 2),
        (Fraction(5, 2), 3),
        (Fraction(-1, 2), -1),
        (Fraction(49, 100), 0),
        (Fraction(-149, 100), -1),
    ],
)
def test_half_up(amount: Fraction, rounded: int) -> None:
    assert lines.half_up(amount) == rounded


def test_vat_is_computed_once_per_rate() -> None:
    def line(net: int, rate: str) -> lines.Line:
        return lines.Line("x", 1, net, Decimal(rate))

    # Line by line 3 x 0.666 would give 3 x 1; on the sum it is 2.
    found = lines.totals([line(333, "0.20"), line(333, "0.20"), line(333, "0.20"), line(1, "20")])
    assert [(tax.net_minor, tax.tax_minor) for tax in found.taxes] == [(999, 2), (1, 0)]
    assert (found.net_minor, found.tax_minor, found.total_minor) == (1000, 2, 1002)


def test_proration_by_the_second() -> None:
    # 2 592 000 seconds in April; one second of 25 920.00 is one cent.
    assert proration.remaining(2_592_000, START, END, END - timedelta(seconds=1)) == 1
    assert proration.remaining(2_592_000, START, END, START) == 2_592_000
    assert proration.remaining(2_592_000, START, END, END) == 0
    assert proration.remaining(2_592_000, START, END, START - timedelta(days=3)) == 2_592_000
    assert proration.remaining(1, START, END, START + timedelta(days=15)) == 1
    assert proration.remaining(1, START, END, START + timedelta(days=15, seconds=1)) == 0


@given(st.integers(0, 10**9), st.integers(0, 2_592_000))
def test_a_credit_mirrors_its_charge(amount: int, seconds: int) -> None:
    at = START + timedelta(seconds=seconds)
    found = proration.change_lines([charge(amount)], [charge(amount)], START, END, at)
    assert sum(line.net_minor for line in found) == 0


def test_items_that_stay_make_no_line() -> None:
    same = charge(1000)
    found = proration.change_lines([same, charge(500)], [same, charge(900)], START, END, START)
    assert [(line.quantity, line.unit_minor) for line in found] == [(-1, 500), (1, 900)]


@given(st.integers(0, 10**7), st.lists(st.integers(0, 10**6), min_size=1, max_size=9))
def test_parts_add_up(amount: int, weights: list[int]) -> None:
    parts = lines.share_out(amount, weights)
    assert sum(parts) == (amount if sum(weights) else 0)
    assert all(part >= 0 for part in parts)


@pytest.mark.parametrize(
    ("seats", "amount", "cost"), [(100, 39000, 29250), (101, 39390, 29543), (160, 61400, 46050)]
)
def test_tiers_are_graduated(seats: int, amount: int, cost: int) -> None:
    price = Price(
        model="tiered", amount_minor=39000, included_seats=100,
        tiers=[{"up_to": 50, "unit_minor": 390}, {"up_to": None, "unit_minor": 290}],
    )  # fmt: skip
    assert pricing.total(price, 39000, seats) == amount
    assert pricing.cost(price, 29250, seats) == cost


def test_currencies_have_their_digits() -> None:
    assert [money.digits(code) for code in ("EUR", "XOF", "TND")] == [2, 0, 3]
    assert (money.minor(Decimal("47.5"), "EUR"), money.minor(Decimal("500"), "XOF")) == (4750, 500)
    with pytest.raises(ValueError, match="too many digits"):
        money.minor(Decimal("0.5"), "XOF")
