"""Subscriptions from the page to the end, with the genuine SDK and signed webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.support.stripe_world import ASKS, DECLINED, FAILS_LATER, REAL_KEY, VISA, World

needs_page = pytest.mark.skipif(bool(REAL_KEY), reason="hosted pages of Stripe need a person")


def licence(world: World, tenant: object) -> tuple[str, str, int | None]:
    from tremplin.licensing import seats

    found = seats.plan_license(tenant)  # type: ignore[arg-type]
    assert found is not None
    return found.plan_version.plan.key, found.state, found.seats_total


def test_hundred_seats_are_paid_and_given(world: World) -> None:
    from tremplin.billing.models import Invoice, Order, Payment, Subscription

    price = world.plan("pro", 300, model="per_seat", seats=1)
    sub = world.subscribe(world.tenant, price, seats=100)
    assert (sub.state, sub.interval, sub.currency) == ("active", "month", "EUR")
    assert sub.period_start == datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    assert sub.period_end == datetime(2026, 12, 21, 8, 0, tzinfo=UTC)
    item = sub.items.get()
    assert (item.price, item.quantity, item.amount_minor) == (price, 100, 300)
    assert licence(world, world.tenant) == ("pro", "active", 100)
    invoice = Invoice.objects.get(provider="stripe")
    assert (invoice.net_minor, invoice.tax_minor, invoice.total_minor) == (30_000, 6_000, 36_000)
    assert (invoice.state, invoice.paid_minor) == ("paid", 36_000)
    assert invoice.tenant_id == world.tenant.pk
    payment = Payment.objects.get()
    assert (payment.state, payment.amount_minor, payment.currency) == ("settled", 36_000, "EUR")
    assert Order.objects.get().state == "paid"
    assert Subscription.objects.filter(tenant_id=world.other.pk).count() == 0
    assert VISA not in str(payment.__dict__)


@needs_page
def test_a_refused_card_gives_nothing_and_the_page_stays_open(world: World) -> None:
    from tremplin.billing.models import Order, Payment, Subscription

    price = world.plan("pro", 19_000)
    order = world.order(world.tenant, price)
    url = world.page(order)
    assert world.pay(url, DECLINED) == 402
    world.settle()
    assert Order.objects.get().state == "open"
    assert (Subscription.objects.count(), Payment.objects.count()) == (0, 0)
    assert world.page(order) == url
    assert world.pay(url) == 303
    world.settle()
    assert Order.objects.get().state == "paid"
    assert Subscription.objects.get().state == "active"


def test_the_success_page_alone_proves_nothing(world: World) -> None:
    from django.test import Client

    from tremplin.billing.models import Order, Subscription

    order = world.order(world.tenant, world.plan("pro", 19_000))
    world.page(order)
    Client(headers={"host": world.tenant.primary_host}).get("/ok?s=cs_test_forged")
    world.settle()
    assert Order.objects.get().state == "open"
    assert Subscription.objects.count() == 0


def test_a_trial_takes_a_card_and_charges_at_its_end(world: World) -> None:
    from tremplin.billing.models import Invoice, Subscription

    sub = world.subscribe(world.tenant, world.plan("pro", 19_000), trial=True)
    end = datetime(2026, 12, 5, 8, 0, tzinfo=UTC)
    assert (sub.state, sub.trial_end, sub.period_end) == ("trialing", end, end)
    assert licence(world, world.tenant) == ("pro", "trialing", 25)
    assert Invoice.objects.count() == 0
    world.advance(days=14)
    sub = Subscription.objects.get()
    assert sub.state == "active"
    assert sub.period_end == datetime(2027, 1, 5, 8, 0, tzinfo=UTC)
    assert licence(world, world.tenant) == ("pro", "active", 25)
    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.total_minor, invoice.paid_minor) == ("paid", 22_800, 22_800)


def test_more_seats_are_charged_by_second_and_given_at_once(world: World) -> None:
    from tremplin.billing import services
    from tremplin.billing.models import Invoice
    from tremplin.billing.providers import get
    from tremplin.billing.quotes import Change

    price = world.plan("pro", 300, model="per_seat", seats=1)
    sub = world.subscribe(world.tenant, price, seats=100)
    world.advance(days=15)
    sub.refresh_from_db()
    quote = services.preview_change(sub, Change("seats", seats=120))
    theirs = get("stripe").change_subscription(sub, quote, preview=True, idempotency_key="")
    # 15 of 30 days are left: 20 seats at 3 euros for half a period, 20 % of VAT
    assert (theirs.body["net_minor"], theirs.body["total_minor"]) == (3_000, 3_600)
    assert (quote.body["net_minor"], quote.body["total_minor"]) == (3_000, 3_600)
    services.change(sub, quote, idempotency_key=uuid4())
    world.settle()
    sub.refresh_from_db()
    assert sub.items.get().quantity == 120
    assert licence(world, world.tenant) == ("pro", "active", 120)
    assert list(Invoice.objects.order_by("created_at").values_list("total_minor", "state")) == [
        (36_000, "paid"),
        (3_600, "paid"),
    ]


def test_fewer_seats_count_from_the_next_period(world: World) -> None:
    from tremplin.billing import services
    from tremplin.billing.models import Invoice
    from tremplin.billing.quotes import Change

    price = world.plan("pro", 300, model="per_seat", seats=1)
    sub = world.subscribe(world.tenant, price, seats=100)
    world.advance(days=10)
    sub.refresh_from_db()
    quote = services.preview_change(sub, Change("seats", seats=40))
    assert (quote.body["is_immediate"], quote.body["total_minor"]) == (False, 0)
    services.change(sub, quote, idempotency_key=uuid4())
    world.settle()
    sub.refresh_from_db()
    assert sub.items.get().quantity == 100
    assert licence(world, world.tenant) == ("pro", "active", 100)
    world.advance(days=20)
    sub.refresh_from_db()
    assert sub.items.get().quantity == 40
    assert licence(world, world.tenant) == ("pro", "active", 40)
    totals = Invoice.objects.order_by("created_at").values_list("total_minor", flat=True)
    assert list(totals) == [36_000, 14_400]


def test_two_periods_pass_and_each_is_invoiced(world: World) -> None:
    from tremplin.billing.models import Invoice

    sub = world.subscribe(world.tenant, world.plan("pro", 19_000))
    world.advance(days=61)
    sub.refresh_from_db()
    assert sub.period_start == datetime(2027, 1, 21, 8, 0, tzinfo=UTC)
    found = Invoice.objects.order_by("created_at")
    assert [(row.total_minor, row.paid_minor, row.state) for row in found] == [
        (22_800, 22_800, "paid")
    ] * 3
    assert len({row.number for row in found}) == 3


def test_a_card_that_fails_at_renewal_is_late_then_recovers(world: World) -> None:
    from tremplin.billing.models import Invoice, Payment
    from tremplin.kernel import clock

    sub = world.subscribe(world.tenant, world.plan("pro", 19_000))
    account = sub.account
    slot = "stripe:test:customer"
    card = world.api.payment_methods.attach(
        "pm_card_chargeCustomerFail", {"customer": account.provider_refs[slot]}
    )
    world.api.subscriptions.update(sub.provider_ref, {"default_payment_method": card.id})
    world.advance(days=30)
    sub.refresh_from_db()
    assert (sub.state, sub.unpaid_since) == ("past_due", datetime(2026, 12, 21, 8, tzinfo=UTC))
    assert licence(world, world.tenant)[1] == "past_due"
    late = Invoice.objects.get(state="open")
    failed = Payment.objects.get(state="failed")
    assert (failed.invoice, failed.amount_minor, failed.failure) == (
        late,
        22_800,
        "generic_decline",
    )
    good = world.api.payment_methods.attach(
        "pm_card_visa", {"customer": account.provider_refs[slot]}
    )
    world.api.subscriptions.update(sub.provider_ref, {"default_payment_method": good.id})
    world.api.invoices.pay(late.provider_ref, {"payment_method": good.id})
    world.settle()
    sub.refresh_from_db()
    late.refresh_from_db()
    assert (sub.state, sub.unpaid_since) == ("active", None)
    assert (late.state, late.paid_minor) == ("paid", 22_800)
    assert licence(world, world.tenant)[1] == "active"
    assert Payment.objects.filter(state="settled").count() == 2
    assert clock.now() == world.now


def test_the_attempts_run_out_and_the_subscription_ends(world: World) -> None:
    from tremplin.licensing.models import License

    sub = world.subscribe(world.tenant, world.plan("pro", 19_000), card=FAILS_LATER, trial=True)
    world.advance(days=14)
    sub.refresh_from_db()
    assert sub.state == "past_due"
    world.advance(days=16)
    sub.refresh_from_db()
    assert sub.ended_at == datetime(2026, 12, 20, 8, 0, tzinfo=UTC)
    held = License.objects.filter(subscription=sub.pk)
    # The trial's licence and the one that followed it.
    assert (held.count(), held.exclude(ended_at=None).count()) == (2, 2)
    assert {row.tenant_id for row in held} == {world.tenant.pk}


def test_cancelling_ends_with_the_period_and_can_be_undone(world: World) -> None:
    from tremplin.billing import services

    sub = world.subscribe(world.tenant, world.plan("pro", 19_000))
    services.cancel(sub)
    sub.refresh_from_db()
    assert (sub.cancel_at_period_end, sub.state) == (True, "active")
    services.undo_cancel(sub)
    world.settle()
    sub.refresh_from_db()
    assert sub.cancel_at_period_end is False
    assert world.api.subscriptions.retrieve(sub.provider_ref).cancel_at_period_end is False
    services.cancel(sub)
    world.advance(days=30)
    sub.refresh_from_db()
    assert sub.ended_at == datetime(2026, 12, 21, 8, 0, tzinfo=UTC)
    assert world.api.subscriptions.retrieve(sub.provider_ref).status == "canceled"


def test_cancelling_in_a_trial_keeps_the_trial(world: World) -> None:
    from tremplin.billing import services

    sub = world.subscribe(world.tenant, world.plan("pro", 19_000), trial=True)
    services.cancel(sub)
    sub.refresh_from_db()
    assert (sub.state, sub.cancel_at_period_end, sub.ended_at) == ("trialing", True, None)


def test_money_given_back_is_counted_once(world: World) -> None:
    from tremplin.billing import services
    from tremplin.billing.models import Invoice, LedgerEntry, Payment

    world.subscribe(world.tenant, world.plan("pro", 19_000))
    key = uuid4()
    for _ in range(2):
        services.refund(
            Payment.objects.get(), 6_000, idempotency_key=key, reason="goodwill", by=None
        )
    world.settle()
    payment, invoice = Payment.objects.get(), Invoice.objects.get()
    assert payment.refunded_minor == 6_000
    assert (invoice.paid_minor, invoice.credited_minor) == (16_800, 6_000)
    assert (
        world.api.charges.list({"payment_intent": payment.provider_ref}).data[0].amount_refunded
        == 6_000
    )
    assert sum(LedgerEntry.objects.values_list("amount_minor", flat=True)) == 0


def test_a_refund_made_at_stripe_arrives(world: World) -> None:
    from tremplin.billing.models import Payment

    world.subscribe(world.tenant, world.plan("pro", 19_000))
    payment = Payment.objects.get()
    world.api.refunds.create({"payment_intent": payment.provider_ref})
    world.settle()
    payment.refresh_from_db()
    assert payment.refunded_minor == 22_800


@needs_page
def test_a_dispute_opens_and_is_won(world: World) -> None:
    from tremplin.billing.models import Payment

    world.subscribe(world.tenant, world.plan("pro", 19_000), card="4000000000000259")
    payment = Payment.objects.get()
    assert (payment.disputed_minor, payment.refunded_minor) == (22_800, 0)
    dispute = world.api.disputes.list().data[0]
    world.api.disputes.update(
        dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}, "submit": True}
    )
    world.settle()
    payment.refresh_from_db()
    assert (payment.disputed_minor, payment.refunded_minor) == (0, 0)


@needs_page
def test_a_lost_dispute_makes_the_invoice_owed_again(world: World) -> None:
    from tremplin.billing.models import Invoice, Payment

    world.subscribe(world.tenant, world.plan("pro", 19_000), card="4000000000000259")
    world.api.disputes.close(world.api.disputes.list().data[0].id)
    world.settle()
    payment, invoice = Payment.objects.get(), Invoice.objects.get()
    assert (payment.disputed_minor, payment.refunded_minor) == (22_800, 22_800)
    assert (invoice.state, invoice.paid_minor) == ("open", 0)


def test_two_schools_buy_and_never_mix(world: World) -> None:
    from tremplin.billing.models import Invoice, Payment

    price = world.plan("pro", 300, model="per_seat", seats=1)
    one = world.subscribe(world.tenant, price, seats=10)
    two = world.subscribe(world.other, price, seats=20)
    assert (one.tenant_id, two.tenant_id) == (world.tenant.pk, world.other.pk)
    assert licence(world, world.tenant) == ("pro", "active", 10)
    assert licence(world, world.other) == ("pro", "active", 20)
    assert sorted(Invoice.objects.values_list("tenant_id", "total_minor")) == sorted(
        [(world.tenant.pk, 3_600), (world.other.pk, 7_200)]
    )
    owners = Payment.objects.values_list("account__tenant_id", "amount_minor")
    assert sorted(owners) == sorted([(world.tenant.pk, 3_600), (world.other.pk, 7_200)])


@needs_page
def test_three_d_secure_is_asked_once(world: World) -> None:
    from tests.support.stripe_world import submit
    from tremplin.billing.models import Order

    url = world.page(world.order(world.tenant, world.plan("pro", 19_000)))
    status, where = submit(url, card=ASKS)
    assert status == 303
    world.settle()
    assert Order.objects.get().state == "open"
    assert submit(where, ok="1")[0] == 303
    world.settle()
    assert Order.objects.get().state == "paid"


@needs_page
def test_the_portal_opens_and_its_cancellation_arrives(world: World) -> None:
    from tests.support.stripe_world import submit
    from tremplin.billing.providers import get

    sub = world.subscribe(world.tenant, world.plan("pro", 19_000))
    url = get("stripe").portal_url(sub.account, "http://example.org/back")
    assert url is not None
    assert submit(url, cancel="1") == (303, "http://example.org/back")
    world.settle()
    sub.refresh_from_db()
    assert (sub.cancel_at_period_end, sub.ended_at) == (True, None)


def test_the_customer_carries_identity_and_no_person(world: World) -> None:
    sub = world.subscribe(world.tenant, world.plan("pro", 19_000))
    found = world.api.customers.retrieve(
        sub.account.provider_refs["stripe:test:customer"], {"expand": ["tax_ids"]}
    )
    assert found.name == sub.account.legal_name
    assert found.metadata.to_dict() == {
        "djstripe_subscriber": str(world.tenant.pk),
        "tenant": str(world.tenant.uuid),
    }
    assert [row.value for row in found.tax_ids.data] == ["FR40303265045"]
    theirs = world.api.subscriptions.retrieve(sub.provider_ref).metadata.to_dict()
    assert set(theirs) == {"djstripe_subscriber", "tenant", "order"}


def test_a_refused_card_takes_the_change_back(world: World) -> None:
    from tremplin.billing import services
    from tremplin.billing.errors import PaymentRefused
    from tremplin.billing.quotes import Change

    price = world.plan("pro", 300, model="per_seat", seats=1)
    sub = world.subscribe(world.tenant, price, seats=10)
    customer = sub.account.provider_refs["stripe:test:customer"]
    card = world.api.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    world.api.subscriptions.update(sub.provider_ref, {"default_payment_method": card.id})
    world.settle()
    sub.refresh_from_db()
    quote = services.preview_change(sub, Change("seats", seats=20))
    with pytest.raises(PaymentRefused) as refused:
        services.change(sub, quote, idempotency_key=uuid4())
    assert refused.value.status == 402
    world.settle()
    sub.refresh_from_db()
    assert (sub.state, sub.items.get().quantity) == ("active", 10)
    assert licence(world, world.tenant) == ("pro", "active", 10)
