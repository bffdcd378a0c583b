"""MRR, its movements, churn and trial conversion: exact figures of a small world.

Five months of four spaces, one of them the client of a reseller with 25 % off the public price.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants import registry
from tenants.context import public_write
from tenants.models import Tenant
from tests.core.billing.engine.conftest import identify, make_price, purchase
from tremplin.billing import engine, services
from tremplin.billing import selectors as billing
from tremplin.billing.models import BillingAccount, Invoice
from tremplin.licensing import services as licensing
from tremplin.operations.revenue import figures, selectors, timeline, trials
from tremplin.testing import freeze

if TYPE_CHECKING:
    from tenants.registry import TenantInfo
    from tremplin.billing.models import Order, Subscription

pytestmark = pytest.mark.django_db
NOW = datetime.fromisoformat("2026-11-20T09:00:00+01:00")


def at(text: str) -> datetime:
    """Return noon of a day in Paris."""
    return datetime.fromisoformat(f"{text}T12:00:00+01:00")


def pay(order: Order) -> Subscription:
    """Pay the first invoice of an order and return the subscription that it opened."""
    services.mark_paid(order.invoices.get(), by=None, at=order.created_at, reference="1")
    assert order.subscription is not None
    order.subscription.refresh_from_db()
    return order.subscription


@pytest.fixture(autouse=True)
def _invented_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    from tremplin.billing import guards

    monkeypatch.setattr(guards, "_guards", [])


@pytest.fixture
def world(
    hq: TenantInfo, tenant_a: TenantInfo, tenant_b: TenantInfo, space: Callable[[str], TenantInfo]
) -> Iterator[dict[str, TenantInfo]]:
    """Sell, upgrade and end subscriptions from September to 20 November 2026."""
    from tremplin.licensing import snapshots

    snapshots.forget()
    reseller, volteo, atelier = space("passerelle"), space("volteo"), space("atelier")
    services.set_book(reseller, discount_percent=Decimal(25))
    with public_write("test"):
        Tenant.objects.filter(pk=tenant_b.pk).update(reseller=reseller.pk)
        BillingAccount.objects.filter(tenant_id=tenant_b.pk).delete()
    registry.invalidate()
    client = registry.by_pk(tenant_b.pk)
    assert client is not None
    identify(tenant_a, client, reseller, volteo, atelier)
    ecole, expert = make_price("ecole", 39000), make_price("expert", 59000)
    with freeze(at("2026-09-10")):
        pay(purchase(volteo, make_price("entreprise", 100_000, interval="year")))
    with freeze(at("2026-10-05")):
        school = pay(purchase(tenant_a, ecole))
        radar = pay(purchase(volteo, make_price("module-radar", 4900, module="radar")))
        starter = pay(purchase(atelier, make_price("starter", 4900)))
    with freeze(at("2026-11-03")):
        purchase(client, make_price("pro", 19000))
    with freeze(at("2026-11-06")):
        engine.run_due()
        (renewed,) = Invoice.objects.filter(state="open", subscription=school)
        services.mark_paid(renewed, by=None, at=at("2026-11-06"), reference="2")
        school.refresh_from_db()
    with freeze(at("2026-11-10")):
        services.cancel(radar, at_period_end=False)
        services.cancel(starter, at_period_end=False)
        quote = services.preview_change(school, services.Change("plan", expert.plan_version))
        services.change(school, quote, idempotency_key=quote.pk)
    with freeze(NOW):
        yield {
            "school": tenant_a,
            "client": client,
            "reseller": reseller,
            "volteo": volteo,
            "atelier": atelier,
        }


def test_the_platform_earns_the_cost_and_customers_pay_the_retail_price(
    hq: TenantInfo, world: dict[str, TenantInfo]
) -> None:
    found = selectors.revenue(hq)
    # Expert 590.00 + Pro at cost 142.50 + a twelfth of 1000.00; retail counts Pro at 190.00.
    assert (found.platform_minor, found.retail_minor) == (81_583, 86_333)
    assert found.resellers_minor == 4_750
    assert billing.mrr() == {"EUR": 86_333}
    assert selectors.space_mrr() == {
        world["school"].pk: {"EUR": 59_000},
        world["client"].pk: {"EUR": 14_250},
        world["volteo"].pk: {"EUR": 8_333},
    }


def test_november_moves(hq: TenantInfo, world: dict[str, TenantInfo]) -> None:
    moved = selectors.revenue(hq).now.moved
    # Start: École 390.00, 83.33, the module radar 49.00, Starter 49.00.
    assert moved == figures.Movements(
        start_minor=57_133,
        new_minor=14_250,
        expansion_minor=20_000,
        contraction_minor=4_900,
        churn_minor=4_900,
        end_minor=81_583,
        customers_start=3,
        customers_new=1,
        customers_lost=1,
        customers_end=3,
    )
    assert moved.churn_percent == Decimal("33.3")
    assert moved.revenue_churn_percent == Decimal("17.2")
    retail = selectors.revenue(hq, measure="retail").now.moved
    assert (retail.new_minor, retail.end_minor, retail.churn_minor) == (19_000, 86_333, 4_900)


def test_twelve_months_follow_each_other(hq: TenantInfo, world: dict[str, TenantInfo]) -> None:
    found = selectors.revenue(hq).months
    assert [month.first for month in found][::11] == [date(2025, 12, 1), date(2026, 11, 1)]
    assert [month.is_open for month in found] == [False] * 11 + [True]
    assert [month.moved.end_minor for month in found] == [0] * 9 + [8_333, 57_133, 81_583]
    assert [month.moved.new_minor for month in found][9:] == [8_333, 43_900, 14_250]
    assert [month.moved.expansion_minor for month in found][9:] == [0, 4_900, 20_000]
    assert [month.moved.churn_percent for month in found][8:] == [
        None, None, Decimal("0.0"), Decimal("33.3"),
    ]  # fmt: skip
    for before, month in zip(found, found[1:], strict=False):
        moved = month.moved
        assert moved.start_minor == before.moved.end_minor
        assert moved.end_minor == (
            moved.start_minor
            + moved.new_minor
            + moved.expansion_minor
            - moved.contraction_minor
            - moved.churn_minor
        )


def test_parts_by_plan_module_and_reseller(hq: TenantInfo, world: dict[str, TenantInfo]) -> None:
    found = selectors.revenue(hq)
    assert [(row.label, row.customers, row.platform_minor, row.retail_minor)
            for row in found.by_plan] == [
        ("Expert", 1, 59_000, 59_000),
        ("Pro", 1, 14_250, 19_000),
        ("Entreprise", 1, 8_333, 8_333),
    ]  # fmt: skip
    assert found.by_module == ()
    assert [(row.customers, row.platform_minor) for row in found.by_reseller] == [
        (2, 67_333), (1, 14_250),
    ]  # fmt: skip
    assert found.by_reseller[1].label == world["reseller"].name
    with freeze(at("2026-10-20")):
        (module,) = selectors.revenue(hq).by_module
    assert (module.label, module.customers, module.platform_minor) == ("Module-Radar", 1, 4_900)


def test_what_is_unpaid_counts_until_its_suspension(
    hq: TenantInfo, world: dict[str, TenantInfo]
) -> None:
    tracks = timeline.tracks()
    client = world["client"].pk
    (track,) = [item for item in tracks if item.tenant_id == client]
    # Due 30 days after 3 November, late from 4 December at midnight, suspended 21 days later.
    assert track.ends_at == datetime.fromisoformat("2026-12-25T00:00:00+01:00")
    before = track.ends_at - timedelta(seconds=1)
    assert figures.by_space(tracks, before, "EUR", "platform")[client] == 14_250
    assert client not in figures.by_space(tracks, track.ends_at, "EUR", "platform")


def test_a_plan_on_trial_brings_nothing_before_its_end(
    hq: TenantInfo, tenant_a: TenantInfo
) -> None:
    identify(tenant_a)
    with freeze(at("2026-11-01")):
        purchase(tenant_a, make_price("ecole", 39000), trial=True)
    with freeze(NOW):
        # Fourteen days from 1 November: over on the 15th, the renewal has not run yet.
        assert selectors.revenue(hq).now.trials == figures.Conversion(0, 0)
        engine.run_due()
        found = selectors.revenue(hq).now
    assert (found.moved.new_minor, found.trials) == (39_000, figures.Conversion(1, 1))
    with freeze(at("2026-11-14")):
        assert selectors.revenue(hq).platform_minor == 0


def test_trial_conversion(hq: TenantInfo, world: dict[str, TenantInfo]) -> None:
    school, volteo, atelier = world["school"], world["volteo"], world["atelier"]
    quiz = make_price("module-quiz", 1900, module="quiz")
    with freeze(at("2026-10-28")):
        for tried in (school, volteo):
            licensing.start_trial(tried, "quiz")
    with freeze(at("2026-11-04")):
        purchase(school, quiz)
    with freeze(at("2026-11-15")):
        licensing.start_trial(atelier, "quiz")
    # One converted on the 4th, one ran out on the 11th, one still runs.
    assert selectors.revenue(hq).now.trials == figures.Conversion(decided=2, converted=1)
    assert selectors.revenue(hq).now.trials.percent == Decimal("50.0")
    assert sorted(fact.decided_at for fact in trials.decided(NOW)) == [
        at("2026-11-04"), at("2026-11-11"),
    ]  # fmt: skip
    assert figures.Conversion(0, 0).percent is None


def test_amounts_without_cents(hq: TenantInfo, tenant_a: TenantInfo) -> None:
    identify(tenant_a)
    with public_write("test"):
        account = services.account_of(tenant_a)
        account.currency = "XOF"
        account.save()
    with freeze(at("2026-11-02")):
        purchase(tenant_a, make_price("ecole", 250_000, currency="XOF", interval="year"))
    with freeze(NOW):
        found = selectors.revenue(hq)
    assert (found.currency, found.currencies, found.platform_minor) == ("XOF", ("XOF",), 20_833)
    rows = list(csv.reader(io.StringIO(selectors.as_csv(found)), delimiter=";"))
    assert rows[-1][:9] == ["2026-11", "XOF", "platform", "0", "20833", "0", "0", "0", "20833"]


def test_the_sheet_says_what_the_page_says(hq: TenantInfo, world: dict[str, TenantInfo]) -> None:
    rows = list(csv.reader(io.StringIO(selectors.as_csv(selectors.revenue(hq))), delimiter=";"))
    assert len(rows) == 13
    assert rows[-1] == [
        "2026-11", "EUR", "platform", "571.33", "142.50", "200.00", "49.00", "49.00", "815.83",
        "3", "1", "1", "3", "33.3", "17.2", "0", "0", "",
    ]  # fmt: skip


def test_the_number_of_queries_does_not_follow_the_number_of_subscriptions(
    hq: TenantInfo, world: dict[str, TenantInfo]
) -> None:
    registry.all_tenants()
    with CaptureQueriesContext(connection) as few:
        selectors.revenue(hq)
    for number in range(6):
        purchase(world["atelier"], make_price(f"module-m{number}", 1000, module=f"m{number}"))
    with CaptureQueriesContext(connection) as many:
        selectors.revenue(hq)
    assert len(many) == len(few)
