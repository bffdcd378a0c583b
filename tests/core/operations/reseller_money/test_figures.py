"""Plan, seats, monthly revenue and margin of each client, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tenants.context import public_write
from tests.core.billing.engine.conftest import purchase
from tests.core.operations.reseller_money.conftest import NOON, Trade, sold_by
from tremplin.billing import selectors
from tremplin.billing.models import Price
from tremplin.licensing.models import License
from tremplin.operations.reseller import figures
from tremplin.testing import freeze

Shop = Callable[..., Price]
pytestmark = pytest.mark.django_db


def test_a_plan_of_190_euros_leaves_47_50(trade: Trade, shop: Shop) -> None:
    with freeze(NOON):
        purchase(trade.client, shop("pro", 19000, seats=50, extra=450))
        with public_write("test"):
            License.objects.filter(tenant_id=trade.client.pk).update(seats_used=18)
        (row,) = figures.client_figures(trade.reseller)
    assert (row.tenant.pk, row.plan_label, row.seats_used, row.seats_total) == (
        trade.client.pk, "Pro", 18, 50,
    )  # fmt: skip
    assert (row.mrr_minor, row.margin_percent, row.margin_minor, row.currency) == (
        19000, Decimal(25), 4750, "EUR",
    )  # fmt: skip
    assert (row.state, row.state_label, row.seats_percent) == ("active", "Active", 36)
    assert figures.sums([row, row]) == [figures.Sum("EUR", 38000, 9500, Decimal(25))]
    assert selectors.mrr([trade.client.pk]) == {"EUR": 19000}


def test_a_year_with_more_seats_and_a_module_counts_by_the_month(trade: Trade, shop: Shop) -> None:
    with freeze(NOON):
        # 100 EUR a year and 60 EUR for three seats more: 16 000 a year, 1 333.33 a month.
        purchase(trade.client, shop("yearly", 10000, interval="year", seats=5, extra=2000), seats=8)
        purchase(trade.client, shop("radar", 1001, module="radar"))
        (row,) = figures.client_figures(trade.reseller)
    # 16 000 / 12 = 1 333.33; its margin 4 000 / 12 = 333.33; the module earns 1001 - 751 = 250.
    assert (row.mrr_minor, row.margin_minor) == (1333 + 1001, 333 + 250)
    assert row.margin_percent == Decimal("25.0")


def test_trials_and_suspended_subscriptions_bring_nothing(trade: Trade, shop: Shop) -> None:
    with freeze(NOON):
        price = shop("pro", 19000, trial_days=14)
        purchase(trade.client, price, trial=True)
        (row,) = figures.client_figures(trade.reseller)
        assert (row.state, row.mrr_minor, row.margin_percent, row.margin_minor) == (
            "trialing", 0, None, 0,
        )  # fmt: skip


def test_a_client_without_plan_and_one_that_is_closed(trade: Trade) -> None:
    from tenants import registry
    from tenants.models import Tenant

    (row,) = figures.client_figures(trade.reseller)
    assert (row.plan_label, row.seats_used, row.seats_total, row.state, row.mrr_minor) == (
        "", 0, None, "none", 0,
    )  # fmt: skip
    with public_write("test"):
        Tenant.objects.filter(pk=trade.client.pk).update(status="suspended")
    registry.invalidate()
    (row,) = figures.client_figures(trade.reseller)
    assert (row.state, row.state_label) == ("closed", "Suspended")


def test_what_was_sold_before_the_reseller_brings_it_nothing(trade: Trade, shop: Shop) -> None:
    direct = sold_by(trade.client, None)
    with freeze(NOON):
        purchase(direct, shop("pro", 19000))
        sold_by(direct, trade.reseller)
        (row,) = figures.client_figures(trade.reseller)
    assert (row.mrr_minor, row.margin_minor, row.margin_percent) == (19000, 0, Decimal(0))


def test_nobody_sees_the_clients_of_another(
    trade: Trade, shop: Shop, django_assert_num_queries: Any
) -> None:
    with freeze(NOON):
        price = shop("pro", 19000, seats=50)
        purchase(trade.client, price)
        with django_assert_num_queries(9):
            rows = figures.client_figures(trade.reseller)
        assert [row.tenant.pk for row in rows] == [trade.client.pk]
        (other,) = figures.client_figures(trade.rival)
        assert (other.tenant.pk, other.mrr_minor) == (trade.stranger.pk, 0)
        moved = sold_by(trade.stranger, trade.reseller)
        purchase(moved, price)
        with django_assert_num_queries(9):
            rows = figures.client_figures(trade.reseller)
        assert sorted(row.mrr_minor for row in rows) == [19000, 19000]
    with freeze(datetime.fromisoformat("2026-12-10T12:00:00+01:00")):
        assert {row.state for row in figures.client_figures(trade.reseller)} == {"past_due"}
