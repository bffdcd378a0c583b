"""Paying twice, half-way, too late: clicks and messages that arrive together or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tenants.context import public_write
from tenants.registry import TenantInfo
from tests.core.billing.engine.conftest import purchase
from tests.core.licensing.test_consumption import at_once
from tremplin.billing import engine, projector, reconciliation, services
from tremplin.billing.errors import NotSold
from tremplin.billing.facts import PaymentSettled
from tremplin.billing.models import (
    Invoice,
    LedgerEntry,
    Order,
    Payment,
    PaymentMethod,
    Price,
    ProviderEvent,
    Subscription,
)
from tremplin.billing.providers import sandbox
from tremplin.licensing.models import License, PlanVersion
from tremplin.testing import freeze

NOON = datetime.fromisoformat("2026-11-20T12:00:00+01:00")
Shop = Callable[..., Price]


def counts(tenant: TenantInfo) -> dict[str, int]:
    """Everything that one purchase makes once."""
    return {
        "orders": Order.objects.filter(tenant_id=tenant.pk).count(),
        "invoices": Invoice.objects.filter(tenant_id=tenant.pk, kind="invoice").count(),
        "payments": Payment.objects.filter(state="settled").count(),
        "subscriptions": Subscription.objects.filter(tenant_id=tenant.pk).count(),
        "licences": License.objects.filter(tenant_id=tenant.pk, subscription__isnull=False).count(),
    }


ONE_OF_EACH = {"orders": 1, "invoices": 1, "payments": 1, "subscriptions": 1, "licences": 1}


def test_eight_clicks_on_pay_at_once_are_one_payment(
    school: TenantInfo,
    price: Shop,
    person_of: Callable[..., Any],
    client_for: Callable[..., Any],
) -> None:
    admin = person_of(school, "nadia@boss.example")
    order = purchase(school, price("school", 39000), provider="sandbox")
    clients = [client_for(school, admin) for _ in range(8)]
    address = f"/console/billing/orders/{order.pk}/card/"

    def click(number: int) -> tuple[int, str]:
        answer = clients[number].post(address, {"number": "4242 4242 4242 4242"})
        return answer.status_code, answer["Location"]

    found = Counter(at_once(8, click, threads=8))
    assert found == {(302, f"/console/billing/orders/{order.pk}/"): 8}
    assert counts(school) == ONE_OF_EACH
    assert Invoice.objects.get().paid_minor == 46800
    assert ProviderEvent.objects.count() == 1
    assert PaymentMethod.objects.count() == 1
    assert reconciliation.run() == []


def test_eight_clicks_on_order_at_once_are_one_order(
    school: TenantInfo,
    price: Shop,
    person_of: Callable[..., Any],
    client_for: Callable[..., Any],
) -> None:
    admin = person_of(school, "nadia@boss.example")
    offer = price("school", 39000)
    quote = services.quote(school, [services.Wanted(offer.plan_version)])
    clients = [client_for(school, admin) for _ in range(8)]
    address = f"/console/billing/quotes/{quote.pk}/pay/"
    places = at_once(8, lambda n: clients[n].post(address)["Location"], threads=8)
    order = Order.objects.get(tenant_id=school.pk)
    assert set(places) == {f"/console/billing/orders/{order.pk}/card/"}
    assert sandbox.submit_card(order, sandbox.GOOD) == "settled"
    assert counts(school) == ONE_OF_EACH
    assert reconciliation.run() == []


def test_a_confirmation_page_closed_half_way_gives_nothing_and_blocks_nothing(
    school: TenantInfo, price: Shop
) -> None:
    """The 3-D Secure step is left open: no payment, no licence, no number; a day later it is over."""
    offer = price("school", 39000)
    with freeze(NOON):
        order = purchase(school, offer, provider="sandbox")
        assert sandbox.submit_card(order, sandbox.CONFIRM) == "confirm"
    nothing = {"orders": 1, "invoices": 0, "payments": 0, "subscriptions": 0, "licences": 0}
    assert counts(school) == nothing
    with freeze(NOON + timedelta(hours=23, minutes=59)):
        assert engine.run_due().expired_orders == 0
        # Whoever comes back to the same thing finds the same order.
        assert purchase(school, offer, provider="sandbox").pk == order.pk
    with freeze(NOON + timedelta(hours=24)):
        assert engine.run_due().expired_orders == 1
        assert counts(school) == nothing
        later = purchase(school, offer, provider="sandbox")
        assert later.pk != order.pk
        assert sandbox.submit_card(later, sandbox.GOOD) == "settled"
    assert counts(school) == {**ONE_OF_EACH, "orders": 2}
    assert Invoice.objects.get().sequence == 1
    assert reconciliation.run() == []


def test_the_confirmation_of_a_closed_page_after_another_purchase_is_money_to_give_back(
    school: TenantInfo, price: Shop
) -> None:
    """Both pages are paid in the end: one gives, the other is reported and can be refunded."""
    offer = price("school", 39000)
    with freeze(NOON):
        first = purchase(school, offer, provider="sandbox")
    with freeze(NOON + timedelta(hours=25)):
        engine.run_due()
        second = purchase(school, offer, provider="sandbox")
        assert sandbox.submit_card(second, sandbox.GOOD) == "settled"
        first.refresh_from_db()
        late = PaymentSettled(
            provider="sandbox", event_id=f"paid:{first.pk}", occurred_at=NOON, order=first.pk,
            payment_ref=f"order:{first.pk}", currency="EUR", amount_minor=46800,
        )  # fmt: skip
        assert projector.apply(late) == "to_refund"
        (difference,) = reconciliation.run()
        assert (difference.kind, difference.found) == ("unallocated", "46800 EUR")
        extra = Payment.objects.get(order=first)
        services.refund(extra, 46800, idempotency_key=uuid4(), reason="paid twice", by=None)
    extra.refresh_from_db()
    assert extra.refunded_minor == 46800
    assert counts(school) == {**ONE_OF_EACH, "orders": 2, "payments": 2}
    assert Invoice.objects.get().state == "paid"
    assert reconciliation.run() == []


def test_settled_refused_and_refunded_six_times_each_at_once(
    school: TenantInfo, price: Shop
) -> None:
    """Every message of one payment, six times, together: as if each had come once, in order."""
    from tremplin.billing.facts import PaymentFailed, Refunded

    order = purchase(school, price("school", 39000), provider="sandbox")
    common: dict[str, Any] = {
        "provider": "sandbox", "occurred_at": NOON, "payment_ref": f"order:{order.pk}",
        "currency": "EUR",
    }  # fmt: skip
    paid = PaymentSettled(**common, event_id="e1", order=order.pk, amount_minor=46800)
    failed = PaymentFailed(**common, event_id="e0", order=order.pk, amount_minor=46800, failure="x")
    back = Refunded(**common, event_id="e2", refunded_minor=1200)
    facts = [paid, failed, back] * 6
    at_once(18, lambda number: projector.apply(facts[number]), threads=9)
    assert counts(school) == ONE_OF_EACH
    payment = Payment.objects.get()
    assert (payment.state, payment.amount_minor, payment.refunded_minor) == ("settled", 46800, 1200)
    kinds = Counter(Invoice.objects.values_list("kind", "total_minor", "state"))
    assert kinds == {("invoice", 46800, "paid"): 1, ("credit_note", 1200, "paid"): 1}
    assert ProviderEvent.objects.count() == 3
    assert sum(LedgerEntry.objects.values_list("amount_minor", flat=True)) == 0
    assert reconciliation.run() == []


def test_a_plan_removed_while_in_use_is_renewed_resized_and_never_sold_again(
    school: TenantInfo, price: Shop
) -> None:
    """No longer sold and without a price in the catalogue: who holds it keeps everything."""
    from django.db.models import ProtectedError

    offer = price("school", 39000, seats=100, extra=390)
    with freeze(NOON):
        order = purchase(school, offer, provider="sandbox", seats=100)
        sandbox.submit_card(order, sandbox.GOOD)
        quote = services.quote(
            school, [services.Wanted(price("other", 4900, module="m1").plan_version)]
        )
    sub = Subscription.objects.get()
    with public_write("test"):
        PlanVersion.objects.filter(pk=offer.plan_version_id).update(sold_until=NOON)
        Price.objects.filter(pk=offer.pk).update(is_active=False)
        Price.objects.filter(plan_version__plan__key="other").update(is_active=False)
        with pytest.raises(ProtectedError):
            offer.plan_version.delete()
        with pytest.raises(ProtectedError):
            offer.delete()
    with freeze(NOON + timedelta(minutes=5)):
        # A quote made before keeps its word for a quarter of an hour.
        services.place_order(school, quote, by=None, idempotency_key=uuid4(), provider="invoice")
    with freeze(NOON + timedelta(days=1)):
        with pytest.raises(NotSold):
            services.quote(school, [services.Wanted(offer.plan_version)])
        change = services.preview_change(sub, services.Change("seats", seats=110))
        services.change(sub, change, idempotency_key=uuid4())
    with freeze(NOON + timedelta(days=40)):
        assert engine.run_due().renewed == 2
    sub.refresh_from_db()
    held = License.objects.get(tenant_id=school.pk, module="", ended_at=None)
    assert (sub.state, held.seats_total, held.plan_version_id) == (
        "active", 110, offer.plan_version_id,
    )  # fmt: skip
    latest = Invoice.objects.filter(subscription=sub).order_by("sequence").last()
    assert latest is not None
    assert latest.net_minor == 39000 + 10 * 390
    assert reconciliation.run() == []
