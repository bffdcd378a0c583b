"""Facts in any order, twice, at once; refunds, disputes; what a crash leaves is repaired."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from tenants import registry
from tenants.context import public_write
from tenants.registry import TenantInfo
from tests.core.billing.engine.conftest import card, identify, make_price, purchase
from tremplin.api import Problem
from tremplin.billing import ledger, projector, reconciliation, services
from tremplin.billing.errors import BadCoupon
from tremplin.billing.facts import (
    BillingFact,
    Dispute,
    PaymentFailed,
    PaymentSettled,
    Refunded,
    from_json,
    to_json,
)
from tremplin.billing.models import (
    Coupon,
    Invoice,
    LedgerEntry,
    Order,
    Payment,
    Price,
    ProviderEvent,
    Subscription,
)
from tremplin.licensing.models import License
from tremplin.testing import freeze

Shop = Callable[..., Price]
NOON = datetime.fromisoformat("2026-11-20T12:00:00+01:00")


def settled(order: Order, event: str = "e1", **fields: Any) -> PaymentSettled:
    values = {
        "provider": order.provider,
        "event_id": event,
        "occurred_at": NOON,
        "order": order.pk,
        "payment_ref": "pay-1",
        "currency": order.currency,
        "amount_minor": order.total_minor,
        **fields,
    }
    return PaymentSettled(**values)


@pytest.mark.django_db
def test_a_fact_survives_storage(tenant_a: TenantInfo, shop: Shop) -> None:
    fact = settled(purchase(tenant_a, shop("school", 39000), provider="sandbox"))
    assert from_json(to_json(fact)) == fact


@pytest.mark.django_db
def test_a_fact_counts_once(tenant_a: TenantInfo, tenant_b: TenantInfo, shop: Shop) -> None:
    order = purchase(tenant_a, shop("school", 39000), provider="sandbox")
    assert projector.apply(settled(order)) == "applied"
    assert projector.apply(settled(order)) == "duplicate"
    assert projector.apply(settled(order, "e2")) == "older"
    assert projector.apply(settled(order, "e3", payment_ref="pay-2")) == "applied"
    # Two different payments of one invoice: the second is money to give back.
    found = [item.kind for item in reconciliation.run()]
    assert found == ["overpaid"]
    assert Payment.objects.filter(account__tenant_id=tenant_b.pk).count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("order_of", list(itertools.permutations(range(4))))
def test_the_order_of_facts_does_not_matter(
    tenant_a: TenantInfo, shop: Shop, order_of: tuple[int, ...]
) -> None:
    order = purchase(tenant_a, shop("school", 39000), provider="sandbox")
    common = {"provider": "sandbox", "currency": "EUR", "payment_ref": "pay-1"}
    facts: list[BillingFact] = [
        PaymentFailed(
            event_id="f", occurred_at=NOON, order=order.pk, provider="sandbox", currency="EUR",
            payment_ref="pay-0", amount_minor=46800, failure="card_declined",
        ),
        settled(order, occurred_at=NOON + timedelta(minutes=1)),
        Refunded(event_id="r1", occurred_at=NOON + timedelta(days=1), refunded_minor=10000, **common),
        Refunded(event_id="r2", occurred_at=NOON + timedelta(days=2), refunded_minor=25000, **common),
    ]  # fmt: skip
    for index in order_of:
        projector.apply(facts[index])
    for fact in facts:
        assert projector.apply(fact) == "duplicate"
    payment = Payment.objects.get(provider_ref="pay-1")
    invoice = Invoice.objects.get(tenant_id=tenant_a.pk, kind="invoice")
    assert (payment.state, payment.refunded_minor) == ("settled", 25000)
    assert (invoice.paid_minor, invoice.credited_minor, invoice.state) == (21800, 25000, "paid")
    assert reconciliation.run() == []


@pytest.mark.django_db
def test_the_wrong_amount_gives_nothing(tenant_a: TenantInfo, shop: Shop) -> None:
    order = purchase(tenant_a, shop("school", 39000), provider="sandbox")
    assert projector.apply(settled(order, "a", amount_minor=0)) == "mismatch"
    assert projector.apply(settled(order, "b", amount_minor=-5)) == "mismatch"
    assert projector.apply(settled(order, "c", currency="XOF")) == "mismatch"
    assert projector.apply(settled(order, "d", amount_minor=1, payment_ref="p2")) == "mismatch"
    assert Subscription.objects.filter(tenant_id=tenant_a.pk).count() == 0
    assert sorted(item.kind for item in reconciliation.run()) == ["unallocated", "unallocated"]


@pytest.mark.django_db
def test_a_fact_about_nothing_known_waits(tenant_a: TenantInfo, shop: Shop) -> None:
    fact = Refunded(
        provider="sandbox", event_id="r", occurred_at=NOON, payment_ref="nobody", currency="EUR",
        refunded_minor=5,
    )  # fmt: skip
    assert projector.apply(fact) == "waiting"
    assert projector.apply(fact) == "waiting"
    (left,) = reconciliation.run(repair=True)
    assert (left.kind, left.found, left.is_repaired) == ("fact", "waiting", False)


@pytest.mark.django_db
def test_a_refund_takes_back_everybody_s_share(tenant_a: TenantInfo, shop: Shop) -> None:
    sub = card(tenant_a, shop("school", 39000))
    payment = Payment.objects.get(account=sub.account)
    invoice = sub.invoices.get()
    key = uuid4()
    for amount in (0, -1, 46801):
        with pytest.raises(Problem) as refused:
            services.refund(payment, amount, idempotency_key=uuid4(), reason="r", by=None)
        assert refused.value.code == "bad_amount"
    services.refund(payment, 3, idempotency_key=key, reason="goodwill", by=None)
    services.refund(payment, 3, idempotency_key=key, reason="goodwill", by=None)
    services.refund(payment, 46797, idempotency_key=uuid4(), reason="all", by=None)
    invoice.refresh_from_db()
    assert (invoice.paid_minor, invoice.credited_minor) == (0, 46800)
    notes = Invoice.objects.filter(corrects=invoice).order_by("sequence")
    assert [note.total_minor for note in notes] == [3, 46797]
    rows = LedgerEntry.objects.filter(invoice__account=sub.account)
    totals: dict[str, int] = {}
    for row in rows:
        totals[row.party] = totals.get(row.party, 0) + row.amount_minor
    assert (totals["customer"], totals["cash"]) == (0, 0)
    assert totals["platform"] + totals["tax"] == 0
    assert reconciliation.run() == []


@pytest.mark.django_db
def test_a_lost_dispute_is_owed_again(tenant_a: TenantInfo, shop: Shop) -> None:
    with freeze(NOON):
        sub = card(tenant_a, shop("school", 39000))
        payment = Payment.objects.get(account=sub.account)

        def dispute(event: str, outcome: Any, hours: int) -> str:
            return projector.apply(
                Dispute(
                    provider="sandbox", event_id=event, outcome=outcome, currency="EUR",
                    payment_ref=payment.provider_ref, amount_minor=46800,
                    occurred_at=NOON + timedelta(hours=hours),
                )
            )  # fmt: skip

        assert dispute("lost", "lost", 5) == "applied"
        assert dispute("opened", "opened", 1) == "older"
        assert dispute("lost-again", "lost", 6) == "older"
        invoice = sub.invoices.get()
        held = License.objects.get(subscription=sub.pk)
        assert (invoice.state, invoice.paid_minor, held.unpaid_since) == ("open", 0, NOON)
        assert ledger.balance(invoice) == 0
        assert reconciliation.run() == []


@pytest.mark.django_db
def test_a_difference_is_found_explained_and_repaired(tenant_a: TenantInfo, shop: Shop) -> None:
    sub = card(tenant_a, shop("school", 39000))
    with public_write("sabotage"):
        License.objects.filter(subscription=sub.pk).update(unpaid_since=NOON)
    (found,) = reconciliation.run()
    assert (found.kind, found.is_repaired) == ("licence", False)
    (mended,) = reconciliation.run(repair=True)
    assert mended.is_repaired is True
    assert reconciliation.run() == []
    with public_write("sabotage"):
        LedgerEntry.objects.filter(party="tax").delete()
        Payment.objects.filter(account=sub.account).update(amount_minor=46799)
    assert sorted(item.kind for item in reconciliation.run()) == ["ledger", "paid"]


# --- real commits -------------------------------------------------------------------------------


def school(slug: str = "mecaformation") -> TenantInfo:
    found = registry.by_slug(slug)
    assert found is not None
    return found


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run the calls on threads that start together; return values or refusals."""
    barrier = threading.Barrier(len(calls))

    def work(call: Callable[[], Any]) -> Any:
        barrier.wait(20)
        try:
            return call()
        except Problem as problem:
            return problem
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(work, calls))


def test_a_webhook_replayed_six_times_at_once(own_database: str) -> None:
    tenant = school()
    identify(tenant)
    order = purchase(tenant, make_price("school", 39000), provider="sandbox")
    outcomes = at_once([lambda: projector.apply(settled(order)) for _ in range(6)])
    assert sorted(outcomes) == ["applied", *["duplicate"] * 5]
    assert Invoice.objects.filter(tenant_id=tenant.pk).count() == 1
    assert Payment.objects.count() == 1
    assert ProviderEvent.objects.count() == 1
    assert LedgerEntry.objects.count() == 5
    assert reconciliation.run() == []


def test_a_double_click_and_two_tabs_make_one_order(own_database: str) -> None:
    tenant, other = school(), school("lycee")
    identify(tenant, other)
    price = make_price("school", 39000)
    key = uuid4()

    def click(who: TenantInfo, used: Any) -> Callable[[], Any]:
        quote = services.quote(who, [services.Wanted(price.plan_version, "month")])
        return lambda: services.place_order(
            who, quote, by=None, idempotency_key=used, provider="invoice"
        )

    found = at_once(
        [click(tenant, key) for _ in range(4)] + [click(tenant, uuid4()) for _ in range(2)]
    )
    assert {item.pk for item in found} == {found[0].pk}
    assert Invoice.objects.filter(tenant_id=tenant.pk).count() == 1
    assert Subscription.objects.filter(tenant_id=tenant.pk).count() == 1
    assert Order.objects.filter(tenant_id=other.pk).count() == 0


def test_a_code_is_never_used_more_often_than_allowed(own_database: str) -> None:
    schools = [school(), school("lycee")]
    identify(*schools)
    prices = [make_price(f"m{n}", 1000, module=f"mod{n}") for n in range(6)]
    services.create_coupon("FIVE", percent=10, max_redemptions=5)
    calls = []
    for who in schools:
        for price in prices:
            quote = services.quote(
                who, [services.Wanted(price.plan_version, "month")], coupon="five"
            )
            calls.append(
                lambda who=who, quote=quote: services.place_order(
                    who, quote, by=None, idempotency_key=uuid4(), provider="sandbox"
                )
            )
    found = at_once(calls)
    refused = [item for item in found if isinstance(item, BadCoupon)]
    assert (len(found) - len(refused), len(refused)) == (5, 7)
    assert Coupon.objects.get(code="FIVE").redeemed == 5
    services.cancel_order(next(item for item in found if isinstance(item, Order)))
    assert Coupon.objects.get(code="FIVE").redeemed == 4


def test_a_crash_between_payment_and_grant_loses_nothing(
    own_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    from tremplin.billing import fulfilment
    from tremplin.billing.providers import sandbox

    tenant = school()
    identify(tenant)
    order = purchase(tenant, make_price("school", 39000), provider="sandbox")
    real = fulfilment.set_items

    def killed(*args: Any, **kwargs: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(fulfilment, "set_items", killed)
    with pytest.raises(OperationalError):
        sandbox.submit_card(order, sandbox.GOOD)
    connection.close()
    monkeypatch.setattr(fulfilment, "set_items", real)
    # The payment was reported before; neither a payment nor a number nor a grant is half written.
    assert ProviderEvent.objects.get().outcome == ""
    assert (Payment.objects.count(), Invoice.objects.count()) == (0, 0)
    assert Subscription.objects.filter(tenant_id=tenant.pk).count() == 0
    (repaired,) = reconciliation.run(repair=True)
    assert (repaired.kind, repaired.is_repaired) == ("fact", True)
    order.refresh_from_db()
    invoice = Invoice.objects.get()
    assert (order.state, invoice.state, invoice.sequence) == ("paid", "paid", 1)
    assert (
        License.objects.filter(tenant_id=tenant.pk, subscription=order.subscription_id).count() == 1
    )
    assert reconciliation.run() == []
