"""What was used beyond the plan is on the next invoice, once, at the price of the day it was used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tenants.context import public_write
from tenants.registry import TenantInfo
from tests.core.billing.engine.conftest import card, identify, purchase
from tremplin.api import Problem
from tremplin.billing import engine, ledger, overview, reconciliation, services
from tremplin.billing.models import Invoice, Price, Subscription
from tremplin.licensing import consumption
from tremplin.licensing.models import PlanEntitlement
from tremplin.testing import freeze

pytestmark = pytest.mark.django_db
Shop = Callable[..., Price]
START = datetime.fromisoformat("2026-09-05T10:00:00+02:00")
DAY = timedelta(days=1)
TOKENS = "ai.tokens"


@pytest.fixture
def plan(shop: Shop) -> Price:
    """A plan of 390 EUR with 100 units, then 7 cents each."""
    price = shop("school", 39000)
    with public_write("test"):
        PlanEntitlement.objects.create(
            version=price.plan_version, feature=TOKENS, value=100, reset="month",
            overage="bill", overage_unit_minor=7, overage_cap_minor=50_000,
        )  # fmt: skip
    return price


def use(tenant: TenantInfo, count: int) -> None:
    consumption.consume(tenant, TOKENS, count, idem=uuid4())


def lines(tenant: TenantInfo) -> list[list[tuple[int, int]]]:
    rows = Invoice.objects.filter(tenant_id=tenant.pk).order_by("sequence")
    return [[(line.quantity, line.net_minor) for line in row.lines.all()] for row in rows]


def test_the_next_invoice_holds_it_once(tenant_a: TenantInfo, plan: Price) -> None:
    with freeze(START):
        sub = card(tenant_a, plan)
        services.set_overage_cap(tenant_a, TOKENS, 1_000)
        use(tenant_a, 112)
    with freeze(START + 10 * DAY):
        # 12 units at 7 cents, 20 % VAT on the sum: what the page announces is what is charged.
        ahead = overview.row_of(tenant_a, Subscription.objects.get(pk=sub.pk)).next_totals
        assert ahead is not None
        assert (ahead.net_minor, ahead.tax_minor, ahead.total_minor) == (39084, 7817, 46901)
    with freeze(START + 30 * DAY):
        assert engine.run_due().renewed == 1
        use(tenant_a, 101)  # October: a new month of 100
    with freeze(START + 62 * DAY):
        assert engine.run_due().renewed == 1
    assert lines(tenant_a) == [[(1, 39000)], [(1, 39000), (12, 84)], [(1, 39000), (1, 7)]]
    second = Invoice.objects.get(tenant_id=tenant_a.pk, sequence=2)
    assert (second.total_minor, second.state, ledger.balance(second)) == (46901, "paid", 0)
    text = second.lines.order_by("position").last()
    assert text is not None
    assert (
        text.description
        == "Jetons d’IA\u202f: 12 au-delà de la formule, période du 1 septembre 2026"
    )
    with freeze(START + 62 * DAY):
        assert reconciliation.run() == []


def test_who_leaves_pays_what_was_used(tenant_a: TenantInfo, plan: Price) -> None:
    with freeze(START):
        sub = card(tenant_a, plan)
        services.set_overage_cap(tenant_a, TOKENS, 1_000)
        use(tenant_a, 110)
        services.cancel(sub, at_period_end=False)
        assert engine.run_due().collected == 1
    assert lines(tenant_a) == [[(1, 39000)], [(10, 70)]]
    last = Invoice.objects.get(tenant_id=tenant_a.pk, sequence=2)
    assert (last.total_minor, last.state) == (84, "paid")
    with freeze(START + 90 * DAY):
        assert engine.run_due().renewed == 0
        assert reconciliation.run() == []


def test_an_upgrade_keeps_what_was_used_at_its_price(
    tenant_a: TenantInfo, plan: Price, shop: Shop
) -> None:
    large = shop("large", 79000)
    with freeze(START):
        sub = card(tenant_a, plan)
        services.set_overage_cap(tenant_a, TOKENS, 1_000)
        use(tenant_a, 103)
        quote = services.preview_change(sub, services.Change("plan", large.plan_version))
        services.change(sub, quote, idempotency_key=uuid4())
    with freeze(START + 30 * DAY):
        assert engine.run_due().renewed == 1
    assert lines(tenant_a)[-1] == [(1, 79000), (3, 21)]


def test_a_transfer_bills_it_too(tenant_a: TenantInfo, plan: Price) -> None:
    with freeze(START):
        order = purchase(tenant_a, plan)
        services.mark_paid(order.invoices.get(), by=None, at=START, reference="VIR")
        services.set_overage_cap(tenant_a, TOKENS, 700)
        use(tenant_a, 200)
        with pytest.raises(consumption.QuotaExceeded):
            use(tenant_a, 1)
    with freeze(START + 30 * DAY):
        engine.run_due()
        assert lines(tenant_a)[-1] == [(1, 39000), (100, 700)]
        assert Invoice.objects.get(tenant_id=tenant_a.pk, sequence=2).state == "open"
        assert reconciliation.run() == []


def test_the_reseller_earns_its_part(
    hq: TenantInfo, space: Callable[[str], TenantInfo], tenant_a: TenantInfo, plan: Price
) -> None:
    from tenants import registry
    from tenants.models import Tenant

    reseller = space("passerelle")
    identify(reseller)
    services.set_book(reseller, discount_percent=Decimal(25))
    with public_write("test"):
        Tenant.objects.filter(pk=tenant_a.pk).update(reseller_id=reseller.pk)
    registry.invalidate()
    client = space("mecaformation")
    with freeze(START):
        card(client, plan)
        services.set_overage_cap(client, TOKENS, 1_000)
        use(client, 200)
    with freeze(START + 30 * DAY):
        engine.run_due()
        line = Invoice.objects.get(tenant_id=client.pk, sequence=2).lines.get(quantity=100)
        assert (line.net_minor, line.cost_minor) == (700, 525)
        assert reconciliation.run() == []


@pytest.mark.parametrize(
    ("feature", "cap", "code", "extra"),
    [
        (TOKENS, -1, "bad_amount", {"max_minor": 50_000}),
        (TOKENS, 50_001, "bad_amount", {"max_minor": 50_000}),
        ("interview.sessions", 100, "no_overage", {}),
        ("unknown.thing", 100, "no_overage", {}),
    ],
)
def test_a_cap_that_cannot_be(
    tenant_a: TenantInfo, plan: Price, feature: str, cap: int, code: str, extra: dict[str, Any]
) -> None:
    card(tenant_a, plan)
    with pytest.raises(Problem) as refused:
        services.set_overage_cap(tenant_a, feature, cap)
    assert (refused.value.status, refused.value.code, refused.value.extra) == (422, code, extra)


def test_another_currency_is_never_mixed(tenant_a: TenantInfo, plan: Price, shop: Shop) -> None:
    """The plan's overage is in euros: a space that pays in francs cannot agree to it."""
    from tests.support import legal_identity

    legal_identity.give(tenant_a, legal_identity.SENEGALESE)
    francs = shop("school", 250_000, currency="XOF")
    card(tenant_a, francs)
    with pytest.raises(Problem) as refused:
        services.set_overage_cap(tenant_a, TOKENS, 100)
    assert refused.value.code == "no_overage"
