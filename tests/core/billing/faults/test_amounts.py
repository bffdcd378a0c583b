"""Zero, negative and impossible amounts, francs without cents, a clock that jumps two periods."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from tenants.context import public_write
from tenants.registry import TenantInfo
from tests.core.billing.engine.conftest import identify, make_price, purchase
from tests.support import legal_identity
from tremplin.api import Problem
from tremplin.billing import engine, ledger, pricing, projector, reconciliation, services
from tremplin.billing.facts import PaymentSettled, Refunded
from tremplin.billing.models import Invoice, Payment, Price, Subscription
from tremplin.billing.providers import sandbox
from tremplin.licensing import consumption
from tremplin.licensing.models import License, UsageBucket, UsageEvent
from tremplin.testing import freeze

pytestmark = pytest.mark.django_db
START = datetime.fromisoformat("2026-01-31T10:00:00+01:00")
Sell = Callable[..., License]


@pytest.fixture
def shop(hq: TenantInfo, tenant_a: TenantInfo) -> Callable[..., Price]:
    identify(tenant_a)
    return make_price


def paid(tenant: TenantInfo, price: Price, **options: Any) -> Subscription:
    order = purchase(tenant, price, provider="sandbox", **options)
    assert sandbox.submit_card(order, sandbox.GOOD) == "settled"
    order.refresh_from_db()
    assert order.subscription is not None
    return order.subscription


def invoices(tenant: TenantInfo) -> list[tuple[str, int, int, str]]:
    rows = Invoice.objects.filter(tenant_id=tenant.pk).order_by("sequence")
    return [(row.kind, row.net_minor, row.total_minor, row.state) for row in rows]


@pytest.mark.parametrize("amount", [-1, -39000])
def test_no_price_is_negative(shop: Callable[..., Price], amount: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        shop("bad", amount)
    price = shop("good", 100)
    with public_write("test"), pytest.raises(IntegrityError), transaction.atomic():
        Price.objects.filter(pk=price.pk).update(amount_minor=amount)
    price.refresh_from_db()
    assert price.amount_minor == 100


@pytest.mark.parametrize(
    "fields",
    [
        {"percent": Decimal(0)},
        {"percent": Decimal(-10)},
        {"percent": Decimal("100.01")},
        {"amount_minor": 0, "currency": "EUR"},
        {"amount_minor": -500, "currency": "EUR"},
        {"amount_minor": 500},
        {},
        {"percent": Decimal(10), "amount_minor": 500, "currency": "EUR"},
    ],
)
def test_no_code_takes_off_nothing_or_less(hq: TenantInfo, fields: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        services.create_coupon("BAD", **fields)
    assert (refused.value.status, refused.value.code) == (422, "bad_amount")


def test_a_code_of_more_than_the_price_makes_an_invoice_of_zero(
    tenant_a: TenantInfo, shop: Callable[..., Price]
) -> None:
    services.create_coupon("ALL", amount_minor=100_000, currency="EUR")
    order = purchase(tenant_a, shop("school", 39000), coupon="ALL", provider="sandbox")
    assert (order.total_minor, order.state) == (0, "paid")
    assert Payment.objects.filter(account=order.account).count() == 0
    assert reconciliation.run() == []


@pytest.mark.parametrize("seats", [0, -1, -100])
def test_no_order_has_less_than_one_seat(
    tenant_a: TenantInfo, shop: Callable[..., Price], seats: int
) -> None:
    with pytest.raises(Problem) as refused:
        purchase(tenant_a, shop("team", 500, model="per_seat"), seats=seats)
    assert (refused.value.status, refused.value.code) == (422, "bad_seats")
    sub = paid(tenant_a, shop("duo", 500, model="per_seat"), seats=2)
    with pytest.raises(Problem) as less:
        services.preview_change(sub, services.Change("seats", seats=seats))
    assert less.value.code == "bad_seats"


@pytest.mark.parametrize("amount", [0, -1, 46801])
def test_no_refund_of_nothing_or_of_more_than_was_paid(
    tenant_a: TenantInfo, shop: Callable[..., Price], amount: int
) -> None:
    paid(tenant_a, shop("school", 39000))
    payment = Payment.objects.get(account__tenant_id=tenant_a.pk)
    with pytest.raises(Problem) as refused:
        services.refund(payment, amount, idempotency_key=uuid4(), reason="x", by=None)
    assert (refused.value.status, refused.value.code) == (422, "bad_amount")
    payment.refresh_from_db()
    assert payment.refunded_minor == 0
    assert invoices(tenant_a) == [("invoice", 39000, 46800, "paid")]
    assert reconciliation.run() == []


@pytest.mark.parametrize("amount", [0, -46800, 46799, 46801])
def test_a_message_with_another_amount_gives_nothing(
    tenant_a: TenantInfo, shop: Callable[..., Price], amount: int
) -> None:
    order = purchase(tenant_a, shop("school", 39000), provider="sandbox")
    fact = PaymentSettled(
        provider="sandbox", event_id="odd", occurred_at=START, order=order.pk, payment_ref="odd",
        currency="EUR", amount_minor=amount,
    )  # fmt: skip
    assert projector.apply(fact) == "mismatch"
    assert Subscription.objects.filter(tenant_id=tenant_a.pk).count() == 0
    assert Invoice.objects.filter(tenant_id=tenant_a.pk).count() == 0
    kept = list(Payment.objects.values_list("amount_minor", "invoice"))
    # Money that is there is kept to be given back; no amount at all is no payment.
    assert kept == ([(amount, None)] if amount > 0 else [])


def test_a_message_in_another_currency_gives_nothing(
    tenant_a: TenantInfo, shop: Callable[..., Price]
) -> None:
    order = purchase(tenant_a, shop("school", 39000), provider="sandbox")
    fact = PaymentSettled(
        provider="sandbox", event_id="usd", occurred_at=START, order=order.pk, payment_ref="usd",
        currency="USD", amount_minor=46800,
    )  # fmt: skip
    assert projector.apply(fact) == "mismatch"
    assert [item.kind for item in reconciliation.run()] == ["unallocated"]


def test_a_refund_that_shrinks_or_exceeds_is_ignored(
    tenant_a: TenantInfo, shop: Callable[..., Price]
) -> None:
    paid(tenant_a, shop("school", 39000))
    payment = Payment.objects.get(account__tenant_id=tenant_a.pk)

    def back(name: str, amount: int) -> str:
        return projector.apply(
            Refunded(
                provider="sandbox", event_id=name, occurred_at=START,
                payment_ref=payment.provider_ref, currency="EUR", refunded_minor=amount,
            )
        )  # fmt: skip

    assert back("r1", 1200) == "applied"
    assert [back("r2", 1200), back("r3", 600), back("r4", 0), back("r5", -5)] == ["older"] * 4
    assert back("r6", 46801) == "mismatch"
    payment.refresh_from_db()
    assert payment.refunded_minor == 1200
    assert reconciliation.run() == []


@pytest.mark.parametrize("quantity", [0, -1])
def test_nothing_is_consumed_backwards(tenant_a: TenantInfo, sell: Sell, quantity: int) -> None:
    meter = "interview.sessions"
    sell(tenant_a, {meter: {"value": 30, "reset": "month"}})
    with pytest.raises(ValueError, match="at least one unit"):
        consumption.consume(tenant_a, meter, quantity, idem=uuid4())
    with pytest.raises(ValueError, match="at least one unit"):
        consumption.give_back(tenant_a, meter, quantity, idem=uuid4(), failure="timeout")
    assert (UsageEvent.objects.count(), UsageBucket.objects.count()) == (0, 0)


# --- a currency without cents -------------------------------------------------------------------


def test_francs_are_prorated_refunded_and_renewed_in_whole_francs(
    hq: TenantInfo, tenant_a: TenantInfo, shop: Callable[..., Price]
) -> None:
    legal_identity.give(tenant_a, legal_identity.SENEGALESE)
    basic = shop("base", 10_001, currency="XOF")
    large = shop("grand", 33_334, currency="XOF")
    with freeze(START):
        sub = paid(tenant_a, basic)
    # 14 of 28 days are left: half-up on each line, no fraction of a franc anywhere.
    with freeze(START + timedelta(days=14)):
        quote = services.preview_change(sub, services.Change("plan", large.plan_version))
        lines = [(line["quantity"], line["unit_minor"]) for line in quote.body["lines"]]
        assert lines == [(-1, 5_001), (1, 16_667)]
        services.change(sub, quote, idempotency_key=uuid4())
        payment = Payment.objects.filter(account=sub.account).order_by("at").last()
        assert payment is not None
        services.refund(payment, 1, idempotency_key=uuid4(), reason="geste", by=None)
    with freeze(START + timedelta(days=29)):
        assert engine.run_due().renewed == 1
    found = invoices(tenant_a)
    assert [row[1] for row in found if row[0] == "invoice"] == [10_001, 11_666, 33_334]
    assert {row.currency for row in Invoice.objects.filter(tenant_id=tenant_a.pk)} == {"XOF"}
    assert [row[2] for row in found if row[0] == "credit_note"] == [1]
    for row in Invoice.objects.filter(tenant_id=tenant_a.pk):
        assert ledger.balance(row) == 0
    assert reconciliation.run() == []


def test_a_price_in_another_currency_is_not_offered(
    tenant_a: TenantInfo, shop: Callable[..., Price]
) -> None:
    francs = shop("dakar", 10_000, currency="XOF")
    with pytest.raises(Problem) as refused:
        services.quote(tenant_a, [services.Wanted(francs.plan_version)])
    assert refused.value.status == 422
    assert pricing.offers(tenant_a, currency="EUR") == []


# --- a clock moved over two periods -------------------------------------------------------------


def test_two_periods_pass_for_a_transfer_a_change_and_a_code(
    tenant_a: TenantInfo, shop: Callable[..., Price]
) -> None:
    """Nobody was there for 60 days: the code ends and the downgrade begins on their own dates."""
    school = shop("school", 39000)
    starter = shop("starter", 4900)
    services.create_coupon("HALF", percent=Decimal(50), duration="repeating", months=1)
    with freeze(START):
        order = purchase(tenant_a, school, provider="invoice", coupon="HALF")
        sub = Subscription.objects.get(pk=order.subscription_id)
        services.mark_paid(order.invoices.get(), by=None, at=START, reference="VIR 1")
        quote = services.preview_change(sub, services.Change("plan", starter.plan_version))
        services.change(sub, quote, idempotency_key=uuid4())
    with freeze(datetime.fromisoformat("2026-04-01T09:00:00+02:00")):
        assert engine.run_due().renewed == 2
        again = engine.run_due()
        assert (again.renewed, again.collected, again.reminders) == (0, 0, 0)
    assert invoices(tenant_a) == [
        ("invoice", 19500, 23400, "paid"),
        ("invoice", 4900, 5880, "open"),
        ("invoice", 4900, 5880, "open"),
    ]
    sub.refresh_from_db()
    held = License.objects.get(tenant_id=tenant_a.pk, module="", ended_at=None)
    assert held.plan_version_id == starter.plan_version_id
    assert (sub.period_start, sub.period_end) == (
        datetime.fromisoformat("2026-03-31T10:00:00+02:00"),
        datetime.fromisoformat("2026-04-30T10:00:00+02:00"),
    )
    with freeze(datetime.fromisoformat("2026-04-01T09:00:00+02:00")):
        assert reconciliation.run() == []


def test_a_clock_that_goes_back_bills_nothing_again(
    tenant_a: TenantInfo, shop: Callable[..., Price]
) -> None:
    with freeze(START):
        sub = paid(tenant_a, shop("school", 39000))
    with freeze(START + timedelta(days=29)):
        assert engine.run_due().renewed == 1
    before = invoices(tenant_a)
    with freeze(START + timedelta(days=1)):
        assert engine.run_due().renewed == 0
    with freeze(START + timedelta(days=29)):
        assert engine.run_due().renewed == 0
    assert invoices(tenant_a) == before == [("invoice", 39000, 46800, "paid")] * 2
    sub.refresh_from_db()
    assert sub.period_index == 1
