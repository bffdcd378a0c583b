"""Purchases: quotes that are honoured, one open order, cards that pay or do not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest

from tenants.registry import TenantInfo
from tests.core.billing.engine.conftest import card, purchase
from tremplin.api import Problem
from tremplin.billing import engine, ledger, services
from tremplin.billing.errors import (
    AlreadySubscribed,
    KeyReused,
    NotFound,
    NotSold,
    QuoteExpired,
)
from tremplin.billing.models import (
    Invoice,
    Order,
    Payment,
    PaymentMethod,
    Price,
    ProviderEvent,
    Subscription,
)
from tremplin.billing.providers import get, sandbox
from tremplin.billing.providers.base import Done, Instructions, Redirect
from tremplin.licensing import seats
from tremplin.licensing.models import License
from tremplin.testing import freeze

Shop = Callable[..., Price]
NOON = datetime.fromisoformat("2026-11-20T12:00:00+01:00")
pytestmark = pytest.mark.django_db


def test_a_card_pays_a_plan(tenant_a: TenantInfo, tenant_b: TenantInfo, shop: Shop) -> None:
    price = shop("school", 39000, seats=100, extra=390)
    with freeze(NOON):
        order = purchase(tenant_a, price, provider="sandbox")
        assert (order.state, order.net_minor, order.tax_minor, order.total_minor) == (
            "open", 39000, 7800, 46800,
        )  # fmt: skip
        # Nothing is given before the money: a success page proves nothing.
        assert Subscription.objects.filter(tenant_id=tenant_a.pk).count() == 0
        assert isinstance(services.pay_url(order), Redirect)
        assert sandbox.submit_card(order, "4242 4242 4242 4242") == "settled"
        order.refresh_from_db()
        invoice = Invoice.objects.get(tenant_id=tenant_a.pk)
        sub = order.subscription
        assert sub is not None
        assert (order.state, invoice.state, invoice.total_minor, invoice.paid_minor) == (
            "paid", "paid", 46800, 46800,
        )  # fmt: skip
        assert (sub.state, sub.period_start, sub.period_end) == (
            "active", NOON, datetime.fromisoformat("2026-12-20T12:00:00+01:00"),
        )  # fmt: skip
        assert sub.paid_until == sub.period_end
        held = seats.plan_license(tenant_a)
        assert held is not None
        assert (held.state, held.seats_total, held.subscription) == ("active", 100, sub.pk)
        rows = invoice.ledger.order_by("id").values_list("party", "kind", "amount_minor")
        assert list(rows) == [
            ("platform", "sale", 39000),
            ("tax", "sale", 7800),
            ("customer", "sale", -46800),
            ("customer", "payment", 46800),
            ("cash", "payment", -46800),
        ]
        assert ledger.balance(invoice) == 0
        # A second click changes nothing.
        assert sandbox.submit_card(order, "4242424242424242") == "settled"
        assert Payment.objects.filter(account=order.account).count() == 1
    assert Subscription.objects.filter(tenant_id=tenant_b.pk).count() == 0
    assert Invoice.objects.filter(tenant_id=tenant_b.pk).count() == 0


def test_each_test_card_does_what_it_says(tenant_a: TenantInfo, shop: Shop) -> None:
    price = shop("pro", 19000)
    order = purchase(tenant_a, price, provider="sandbox")
    assert sandbox.submit_card(order, "4000 0000 0000 0002") == "refused"
    order.refresh_from_db()
    assert (order.state, order.failure) == ("open", "card_declined")
    assert sandbox.submit_card(order, "4111 1111 1111 1111") == "unknown_card"
    assert sandbox.submit_card(order, "") == "unknown_card"
    assert sandbox.submit_card(order, "4000 0025 0000 3155") == "confirm"
    assert sandbox.confirm(order, False) == "refused"
    assert Invoice.objects.filter(tenant_id=tenant_a.pk).count() == 0
    # Nothing of a refused or unknown card was kept.
    assert PaymentMethod.objects.filter(account=order.account).count() == 0
    assert not any(
        "4111" in str(row) for row in ProviderEvent.objects.values_list("body", flat=True)
    )
    assert sandbox.confirm(order, True) == "settled"
    methods = PaymentMethod.objects.filter(account=order.account)
    assert list(methods.values_list("last4", "is_default")) == [("3155", True)]
    states = Payment.objects.filter(account=order.account).order_by("id").values_list("state")
    assert sorted(row[0] for row in states) == ["failed", "failed", "settled"]


def test_a_transfer_opens_at_once_and_is_paid_later(tenant_a: TenantInfo, shop: Shop) -> None:
    price = shop("school", 39000, seats=100)
    with freeze(NOON):
        order = purchase(tenant_a, price)
        invoice = order.invoices.get()
        assert (order.state, invoice.state, invoice.due_on) == ("open", "open", date(2026, 12, 20))
        answer = services.pay_url(order)
        assert isinstance(answer, Instructions)
        assert dict(answer.rows)["Reference"] == invoice.number
        held = seats.plan_license(tenant_a)
        assert held is not None
        # Late from the day after the due date, without any job having run.
        due = datetime.fromisoformat("2026-12-21T00:00:00+01:00")
        assert (held.state, held.unpaid_since) == ("active", due)
        paid = services.mark_paid(invoice, by=None, at=NOON, reference="VIR 1")
        services.mark_paid(invoice, by=None, at=NOON, reference="VIR 1")
        order.refresh_from_db()
        held.refresh_from_db()
        assert (paid.state, paid.paid_minor, order.state, held.unpaid_since) == (
            "paid", 46800, "paid", None,
        )  # fmt: skip
        assert isinstance(services.pay_url(order), Done)
        with pytest.raises(Problem) as refused:
            services.mark_paid(invoice, by=None, at=NOON, reference="VIR 2")
        assert refused.value.code == "bad_amount"


@pytest.mark.parametrize("amount", [0, -1, 46801])
def test_impossible_amounts_are_refused(tenant_a: TenantInfo, shop: Shop, amount: int) -> None:
    order = purchase(tenant_a, shop("school", 39000))
    invoice = order.invoices.get()
    with pytest.raises(Problem) as refused:
        services.mark_paid(invoice, by=None, at=NOON, reference="X", amount_minor=amount)
    assert (refused.value.code, refused.value.extra) == ("bad_amount", {"max_minor": 46800})
    assert Payment.objects.filter(account=order.account).count() == 0


def test_a_part_is_not_the_whole(tenant_a: TenantInfo, shop: Shop) -> None:
    invoice = purchase(tenant_a, shop("school", 39000)).invoices.get()
    first = services.mark_paid(invoice, by=None, at=NOON, reference="1", amount_minor=46799)
    assert (first.state, first.paid_minor) == ("open", 46799)
    second = services.mark_paid(invoice, by=None, at=NOON, reference="2")
    assert (second.state, second.paid_minor) == ("paid", 46800)
    assert ledger.balance(invoice) == 0


def test_the_same_click_gives_the_same_order(
    tenant_a: TenantInfo, tenant_b: TenantInfo, shop: Shop
) -> None:
    price = shop("school", 39000)
    wanted = [services.Wanted(price.plan_version, "month")]
    key = uuid4()
    quote = services.quote(tenant_a, wanted)
    first = services.place_order(tenant_a, quote, by=None, idempotency_key=key, provider="sandbox")
    again = services.place_order(tenant_a, quote, by=None, idempotency_key=key, provider="sandbox")
    tab = services.place_order(
        tenant_a, services.quote(tenant_a, wanted), by=None, idempotency_key=uuid4(),
        provider="sandbox",
    )  # fmt: skip
    assert {first.pk, again.pk, tab.pk} == {first.pk}
    with pytest.raises(KeyReused):
        services.place_order(
            tenant_b, services.quote(tenant_b, wanted), by=None, idempotency_key=key
        )
    with pytest.raises(NotFound):
        services.place_order(tenant_b, quote, by=None, idempotency_key=uuid4())
    assert Order.objects.filter(tenant_id=tenant_b.pk).count() == 0


def test_a_quote_is_honoured_for_fifteen_minutes(tenant_a: TenantInfo, shop: Shop) -> None:
    from tenants.context import public_write

    price = shop("school", 39000)
    with freeze(NOON):
        quote = services.quote(tenant_a, [services.Wanted(price.plan_version, "month")])
    with public_write("test"):
        Price.objects.filter(pk=price.pk).update(is_active=False)
        Price.objects.create(plan_version=price.plan_version, interval="month", amount_minor=1)
    with freeze(NOON + timedelta(minutes=15)), pytest.raises(QuoteExpired):
        services.place_order(tenant_a, quote, by=None, idempotency_key=uuid4())
    with freeze(NOON + timedelta(minutes=14, seconds=59)):
        order = services.place_order(tenant_a, quote, by=None, idempotency_key=uuid4())
    assert order.net_minor == 39000


def test_a_page_that_was_closed_expires_and_late_money_still_counts(
    tenant_a: TenantInfo, shop: Shop
) -> None:
    price = shop("school", 39000)
    with freeze(NOON):
        order = purchase(tenant_a, price, provider="sandbox")
    with freeze(NOON + timedelta(hours=24)):
        assert engine.run_due().expired_orders == 1
        order.refresh_from_db()
        assert order.state == "expired"
        assert sandbox.submit_card(order, "4242424242424242") == "settled"
        order.refresh_from_db()
        assert (order.state, order.subscription is not None) == ("paid", True)


def test_nobody_pays_twice_for_the_same_thing(tenant_a: TenantInfo, shop: Shop) -> None:
    price = shop("school", 39000)
    sub = card(tenant_a, price)
    with pytest.raises(AlreadySubscribed) as refused:
        purchase(tenant_a, price)
    assert refused.value.extra == {"subscription": str(sub.pk)}


def test_what_is_free_is_active_at_once_and_gives_way(tenant_a: TenantInfo, shop: Shop) -> None:
    free = purchase(tenant_a, shop("zero", 0), provider="sandbox")
    assert (free.provider, free.state, free.invoices.count()) == ("free", "paid", 0)
    sub = card(tenant_a, shop("school", 39000))
    first = Subscription.objects.get(pk=free.subscription_id)
    assert (first.state, sub.state) == ("ended", "active")
    licences = License.objects.filter(tenant_id=tenant_a.pk, module="", ended_at=None)
    assert [held.subscription for held in licences] == [sub.pk]


def test_what_is_not_sold_is_refused(tenant_a: TenantInfo, shop: Shop) -> None:
    price = shop("school", 39000, sold_until=NOON)
    with freeze(NOON), pytest.raises(NotSold):
        purchase(tenant_a, price)
    with freeze(NOON - timedelta(seconds=1)), pytest.raises(NotSold):
        services.quote(tenant_a, [services.Wanted(price.plan_version, "year")])
    with pytest.raises(Problem) as empty:
        services.quote(tenant_a, [])
    assert (empty.value.status, empty.value.code) == (422, "empty")


def test_a_currency_without_cents(tenant_a: TenantInfo, shop: Shop) -> None:
    from django.utils.translation import override

    from tremplin.billing.money import amount_text, major

    services.update_account(tenant_a, currency="XOF")
    price = shop("dakar", 125_333, currency="XOF", model="per_seat")
    order = purchase(tenant_a, price, seats=3)
    assert (order.net_minor, order.tax_minor, order.total_minor) == (375_999, 75_200, 451_199)
    assert str(major(order.total_minor, "XOF")) == "451199"
    for language, text in (("en", "XOF\u00a0451,199"), ("fr", "451\u202f199\u202fXOF")):
        with override(language):
            assert amount_text(451_199, "XOF") == text
    invoice = order.invoices.get()
    assert (invoice.currency, invoice.total_minor, ledger.balance(invoice)) == ("XOF", 451_199, 0)
    with pytest.raises(Problem) as fixed:
        services.update_account(tenant_a, currency="EUR")
    assert fixed.value.code == "currency_fixed"


def test_the_test_card_is_not_for_production(settings: object) -> None:
    from tremplin.billing.checks import check_sandbox

    provider = get("sandbox")
    assert provider.is_configured().ok is True
    settings.MODE = "production"  # type: ignore[attr-defined]
    assert provider.is_configured().ok is False
    assert check_sandbox() == []
    settings.BILLING_PROVIDER = "sandbox"  # type: ignore[attr-defined]
    assert [message.id for message in check_sandbox()] == ["billing.E001"]
