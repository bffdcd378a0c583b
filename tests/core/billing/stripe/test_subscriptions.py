"""Subscriptions from the page to the end, with the genuine SDK and signed webhooks."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.support.stripe_world import VISA, World


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
