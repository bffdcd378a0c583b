"""Learners pay their school on its own Stripe account; the platform's tables know nothing of them."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from tests.support.stripe_server.webhooks import post, signature
from tests.support.stripe_world import DECLINED, REAL_KEY, VISA, World, submit

pytestmark = pytest.mark.skipif(bool(REAL_KEY), reason="onboarding needs a person at Stripe")
PERSON = UUID("7b0f6f5e-0000-4000-8000-00000000c0de")


def item(**fields: Any) -> Any:
    from tremplin.billing.sales.services import Item

    known: dict[str, Any] = {
        "module": "portfolio",
        "key": "branded-cv",
        "title": "CV premium",
        "currency": "EUR",
        "total_minor": 1_800,
        "tax_rate": Decimal("20.00"),
        "fee_percent": Decimal("10.00"),
    }
    return Item(**{**known, **fields})


def onboard(world: World, tenant: Any) -> str:
    from tremplin.billing.stripe import connected

    url = connected.onboarding_url(
        tenant, return_url="http://example.org/back", refresh_url="http://example.org/again"
    )
    assert connected.can_charge(tenant) is False
    assert submit(url, done="1") == (303, "http://example.org/back")
    assert connected.can_charge(tenant) is True
    return connected.account_id(tenant)


def buy(world: World, tenant: Any, *, card: str = VISA, status: int = 303, **fields: Any) -> Any:
    from tenants.context import use
    from tremplin.billing.sales import services

    with use(tenant):
        order = services.place(PERSON, item(**fields), idempotency_key=uuid4())
        page = services.pay_url(order, success_url="http://example.org/ok", cancel_url="http://x")
    assert submit(page.url, card=card)[0] == status
    world.settle()
    return order


def test_a_direct_charge_pays_the_school_and_the_fee_the_platform(world: World) -> None:
    from tenants.context import use
    from tremplin.billing.sales.models import Order, Payment

    account = onboard(world, world.tenant)
    onboard(world, world.other)
    order = buy(world, world.tenant)
    with use(world.tenant):
        order.refresh_from_db()
        assert (order.state, order.total_minor, order.fee_minor) == ("paid", 1_800, 180)
        assert order.invoice_number == "V-2026-000001"
        assert [(row.number, row.tax_minor) for row in order.documents.all()] == [
            ("V-2026-000001", 300)
        ]
        payment = Payment.objects.get()
        assert (payment.state, payment.amount_minor) == ("settled", 1_800)
    charges = world.api.charges.list({}, {"stripe_account": account}).data
    assert [(row.amount, row.application_fee_amount) for row in charges] == [(1_800, 180)]
    assert [(row.amount, row.account) for row in world.api.application_fees.list().data] == [
        (180, account)
    ]
    with use(world.other):
        assert (Order.objects.count(), Payment.objects.count()) == (0, 0)


def test_nothing_of_a_learner_is_in_the_public_tables(world: World) -> None:
    from tremplin.billing.models import Invoice, LedgerEntry, Order, Payment, ProviderEvent

    onboard(world, world.tenant)
    order = buy(world, world.tenant)
    for model in (Invoice, LedgerEntry, Order, Payment):
        assert model.objects.count() == 0
    rows = ProviderEvent.objects.filter(provider="stripe_connect")
    assert {key for row in rows for key in row.body} == {"account"}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        names = [row[0] for row in cursor.fetchall()]
        assert [name for name in names if name.startswith("sales_")] == []
        traces = (str(PERSON), str(order.pk), "CV premium")
        for name in names:
            # Jobs carry Stripe's ids only; no public row names the person or her order.
            cursor.execute(
                f'SELECT count(*) FROM public."{name}" AS t WHERE t::text LIKE ANY (%s)',
                [[f"%{text}%" for text in traces]],
            )  # noqa: S608
            assert (name, cursor.fetchone()[0]) == (name, 0)


def test_a_refused_card_leaves_the_order_open(world: World) -> None:
    from tenants.context import use
    from tremplin.billing.sales.models import Payment

    onboard(world, world.tenant)
    order = buy(world, world.tenant, card=DECLINED, status=402)
    with use(world.tenant):
        order.refresh_from_db()
        assert (order.state, order.invoice_number, Payment.objects.count()) == ("open", "", 0)


def test_a_refund_gives_the_fee_back_in_proportion(world: World) -> None:
    from tenants.context import use
    from tremplin.billing.sales import services
    from tremplin.billing.sales.errors import BadRefund
    from tremplin.billing.sales.models import Payment

    onboard(world, world.tenant)
    order = buy(world, world.tenant)
    with use(world.tenant):
        key, payment = uuid4(), Payment.objects.get()
        for _ in range(2):
            services.refund(payment, 900, idempotency_key=key)
        assert payment.refunded_minor == 900
        with pytest.raises(BadRefund):
            services.refund(payment, 901, idempotency_key=uuid4())
        services.refund(payment, 900, idempotency_key=uuid4())
    world.settle()
    with use(world.tenant):
        order.refresh_from_db()
        assert order.state == "refunded"
    fee = world.api.application_fees.list().data[0]
    assert (fee.amount, fee.amount_refunded) == (180, 180)


def test_events_of_unknown_accounts_forged_and_repeated_change_nothing(world: World) -> None:
    from djstripe.models import WebhookEndpoint

    from tenants.context import use
    from tremplin.billing.models import ProviderEvent
    from tremplin.billing.sales.models import Fact, Payment

    account = onboard(world, world.tenant)
    buy(world, world.tenant)
    found = WebhookEndpoint.objects.get(stripe_data__metadata__tremplin="connect")
    rows = world.standin.store.find(account, "event")
    from tests.support.stripe_server.store import plain

    real = plain(next(row for row in rows if row["type"] == "checkout.session.completed"))
    now = int(time.time())

    def send(event: dict[str, Any], secret: str, host: str = "") -> int:
        body = json.dumps(event).encode()
        url = found.url.replace(world.hq.primary_host, host or world.hq.primary_host)
        return post(url, body, signature(body, secret, now))

    unknown = {**real, "id": "evt_unknown", "account": "acct_nobody"}
    assert send(unknown, found.secret) == 200
    assert ProviderEvent.objects.get(event_id="evt_unknown").outcome == "unknown_account"
    assert send({**real, "id": "evt_forged"}, "whsec_forged") == 400
    assert send(real, found.secret) == 200
    assert send(real, found.secret, world.tenant.primary_host) == 404
    assert world.jobs == []
    assert send({**real, "id": "evt_again"}, found.secret) == 200
    world.work()
    with use(world.tenant):
        assert (Payment.objects.count(), Fact.objects.count()) == (1, 1)
    with use(world.other):
        assert (Payment.objects.count(), Fact.objects.count()) == (0, 0)


def test_a_school_without_account_cannot_sell_by_stripe(world: World) -> None:
    from tenants.context import use
    from tremplin.billing.sales import services
    from tremplin.billing.sales.errors import CannotSell

    with use(world.tenant):
        order = services.place(PERSON, item(), idempotency_key=uuid4(), provider="stripe")
        with pytest.raises(CannotSell):
            services.pay_url(order, success_url="http://x", cancel_url="http://x")
