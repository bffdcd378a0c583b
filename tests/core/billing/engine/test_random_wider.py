"""Random lives with three providers: seats, overage and modules, and a school whose facts come from
afar, late, twice and in any order. Provider, ledger and licences always agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from tests.core.billing.engine.test_random import WHO, Lives

TOKENS = "ai.tokens"
ORDERS = st.permutations(range(6))


class Remote:
    """A subscription that a provider runs itself: what it would report at each moment."""

    def __init__(self, order: Any, price: Any, start: Any) -> None:
        self.order, self.price = order, price
        self.ref = f"sub-{order.pk}"
        self.start = self.base = start
        self.number = 0
        self.quantity = 1
        self.state = "active"
        self.canceled = False

    @property
    def end(self) -> Any:
        return self.base + timedelta(days=30)


class WiderLives(Lives):
    """The lives of two schools, and of a third one that pays through Stripe."""

    done: ClassVar[set[str]] = set()

    @initialize()
    def open_shop(self) -> None:
        from tenants import registry
        from tenants.context import public_write
        from tests.core.billing.engine.conftest import identify, make_price
        from tremplin.licensing.models import PlanEntitlement

        super().open_shop()
        self.version = 1
        self.remote: Remote | None = None
        self.far: Any = registry.by_slug("volteo")
        identify(self.far)
        self.modules = [make_price(f"mod{n}", 700 + n, module=f"mod{n}") for n in range(2)]
        self.once = make_price("pack", 2500, interval="once", module="pack")
        with public_write("test"):
            for price in self.plans:
                PlanEntitlement.objects.create(
                    version=price.plan_version, feature=TOKENS, value=10, reset="month",
                    overage="bill", overage_unit_minor=7,
                )  # fmt: skip

    # --- the two schools ------------------------------------------------------------------------

    @rule(who=WHO, which=st.integers(0, 2), provider=st.sampled_from(["invoice", "sandbox"]))
    def buy_module(self, who: str, which: int, provider: str) -> None:
        from tests.core.billing.engine.conftest import purchase
        from tremplin.billing.providers import sandbox

        price = [*self.modules, self.once][which]

        def call() -> None:
            order = purchase(self.tenants[who], price, provider=provider)
            if provider == "sandbox":
                sandbox.submit_card(order, sandbox.GOOD)

        self._try(call, f"{price.interval} module by {provider}")

    @rule(who=WHO, seats=st.integers(1, 60))
    def seats(self, who: str, seats: int) -> None:
        from tremplin.billing import services

        sub = self._running(who)
        if sub is None:
            return

        def call() -> None:
            quote = services.preview_change(sub, services.Change("seats", seats=seats))
            services.change(sub, quote, idempotency_key=uuid4())

        self._try(call, "seats")

    @rule(who=WHO, units=st.integers(1, 30), cap=st.sampled_from([0, 50, 5_000]))
    def use(self, who: str, units: int, cap: int) -> None:
        from tremplin.billing import services
        from tremplin.licensing import consumption

        tenant = self.tenants[who]
        self._try(lambda: services.set_overage_cap(tenant, TOKENS, cap), "cap")
        self._try(lambda: consumption.consume(tenant, TOKENS, units, idem=uuid4()), "use")

    @rule(who=WHO)
    def pay_now(self, who: str) -> None:
        from tremplin.billing import services
        from tremplin.billing.models import Invoice

        rows = Invoice.objects.filter(tenant_id=self.tenants[who].pk, state="open")
        invoice = rows.filter(provider="sandbox").order_by("finalised_at").first()
        if invoice is not None:
            self._try(lambda: services.retry_payment(invoice), "pay now")

    @rule(who=WHO)
    def two_periods(self, who: str) -> None:
        """Let two whole periods of a subscription pass before anybody looks."""
        from tremplin.billing import engine

        sub = self._running(who)
        if sub is None:
            return
        step = (sub.period_end - sub.period_start) * 2
        self.now = max(self.now, sub.period_end) + min(step, timedelta(days=70))
        self._try(engine.run_due, "two periods")

    # --- the school at Stripe -------------------------------------------------------------------

    def facts(self, *, state: str, paid: bool, event: str) -> list[Any]:
        """Return what Stripe says of the subscription and of its current invoice."""
        from tremplin.billing.facts import (
            InvoiceLineState,
            InvoiceState,
            ItemState,
            PaymentFailed,
            PaymentSettled,
            SubscriptionState,
        )

        far = self.remote
        assert far is not None
        self.version += 1
        version = int(far.start.timestamp() * 1_000_000) + self.version
        common: dict[str, Any] = {
            "provider": "stripe", "occurred_at": self.now, "version": version,
            "subscription_ref": far.ref,
        }  # fmt: skip
        net = far.price.amount_minor * far.quantity
        total = net + net // 5
        invoice_ref = f"in-{far.ref}-{far.number}"
        line = InvoiceLineState(
            description="Plan", quantity=far.quantity, net_minor=net, tax_rate="20",
            price=far.price.pk, period_start=far.base, period_end=far.end,
        )  # fmt: skip
        found: list[Any] = [
            SubscriptionState(
                **common, event_id=f"{event}:s", order=far.order.pk, state=state,  # type: ignore[arg-type]
                period_start=far.base, period_end=far.end, cancel_at_period_end=far.canceled,
                ended_at=self.now if state == "ended" else None,
                items=(ItemState(price=far.price.pk, quantity=far.quantity, ref=f"si-{far.ref}"),),
            )
        ]  # fmt: skip
        if state == "ended":
            return found
        payment: dict[str, Any] = {
            **common, "invoice_ref": invoice_ref, "currency": "EUR", "amount_minor": total,
        }  # fmt: skip
        return [
            *found,
            InvoiceState(
                **common, event_id=f"{event}:i", order=far.order.pk if not far.number else None,
                invoice_ref=invoice_ref, state="paid" if paid else "open",
                number=f"S-{far.number}", currency="EUR", net_minor=net, tax_minor=net // 5,
                total_minor=total, paid_minor=total if paid else 0, issued_on=far.base.date(),
                lines=(line,),
            ),
            PaymentSettled(**payment, event_id=f"paid:{invoice_ref}", payment_ref=f"pi-{invoice_ref}")
            if paid
            else PaymentFailed(
                **payment, event_id=f"{event}:f", payment_ref=f"pi-{invoice_ref}", failure="declined"
            ),
        ]  # fmt: skip

    def deliver(self, facts: list[Any], order: Any, name: str) -> None:
        """Let every fact arrive twice, in the given order."""
        from tremplin.billing import projector

        for index in order:
            fact = facts[index % len(facts)]
            self._try(lambda fact=fact: projector.apply(fact), name)

    @rule(plan=st.sampled_from([0, 2]), quantity=st.integers(1, 5), order=ORDERS)
    def far_buys(self, plan: int, quantity: int, order: Any) -> None:
        from tests.core.billing.engine.conftest import purchase

        if self.remote is not None:
            return
        price = self.plans[plan]
        seats = quantity if plan else None
        placed = self._try(lambda: purchase(self.far, price, provider="stripe", seats=seats))
        if placed is None:
            return
        self.remote = Remote(placed, price, self.now)
        self.remote.quantity = quantity if plan else 1
        self.deliver(self.facts(state="active", paid=True, event=str(uuid4())), order, "far buys")

    @rule(paid=st.booleans(), order=ORDERS)
    def far_renews(self, paid: bool, order: Any) -> None:
        if self.remote is None:
            return
        if self.remote.state == "active":
            self.now = max(self.now, self.remote.end)
            self.remote.base, self.remote.number = self.remote.end, self.remote.number + 1
        self.remote.state = "active" if paid else "past_due"
        facts = self.facts(state=self.remote.state, paid=paid, event=str(uuid4()))
        self.deliver(facts, order, "far renews" if paid else "far is late")

    @rule(order=ORDERS)
    def far_stops(self, order: Any) -> None:
        if self.remote is None:
            return
        facts = self.facts(state="ended", paid=False, event=str(uuid4()))
        self.deliver(facts, order, "far stops")
        self.remote = None

    @rule(share=st.integers(1, 100))
    def far_is_refunded(self, share: int) -> None:
        from tremplin.billing import projector
        from tremplin.billing.facts import Refunded
        from tremplin.billing.models import Payment

        rows = Payment.objects.filter(provider="stripe", state="settled")
        payment = rows.order_by("at").last()
        if payment is None:
            return
        fact = Refunded(
            provider="stripe", event_id=str(uuid4()), occurred_at=self.now,
            payment_ref=payment.provider_ref, currency="EUR",
            refunded_minor=max(1, payment.amount_minor * share // 100),
        )  # fmt: skip
        for _time in range(2):
            self._try(lambda: projector.apply(fact), "far is refunded")


@pytest.fixture
def _three_schools(hq: Any, tenant_a: Any, tenant_b: Any, settings: Any) -> None:
    """Make the base database ready, with a key that fits: no call leaves for a fact."""
    settings.STRIPE_LIVE_MODE = False
    settings.STRIPE_TEST_SECRET_KEY = "sk_test_0123456789abcdefghijklmn"
    settings.STRIPE_API_HOST = "http://127.0.0.1:9"


@pytest.mark.django_db
@pytest.mark.usefixtures("_three_schools")
def test_wider_sequences_leave_no_difference() -> None:
    run_state_machine_as_test(
        WiderLives,
        settings=settings(
            max_examples=12,
            stateful_step_count=14,
            deadline=None,
            derandomize=True,
            # Shrinking a failure takes more than five minutes: it is told as it was found.
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def life(db: None, _three_schools: None) -> Iterator[WiderLives]:
    """Open the schools' world; at the end everything still agrees."""
    life = WiderLives()
    life.open_shop()
    try:
        yield life
        life.everything_agrees()
    finally:
        life.teardown()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_chain_of_facts_applies_in_any_order(life: WiderLives, order: tuple[int, ...]) -> None:
    """The payment waits for the invoice, which waits for the subscription: each comes once."""
    life.far_buys(0, 1, list(order))


def test_a_chain_of_facts_applies_when_each_comes_twice(life: WiderLives) -> None:
    life.far_buys(0, 1, [5, 2, 4, 3, 0, 1])


def test_a_suspended_subscription_ends_when_it_is_canceled(life: WiderLives) -> None:
    """Its period is over and it is not renewed: there is no later end to wait for."""
    life.two_periods("mecaformation")
    sub = life._running("lycee")
    assert sub.state == "suspended"
    assert sub.period_end < life.now
    life.cancel("lycee", True)
    sub.refresh_from_db()
    assert (sub.state, sub.ended_at) == ("ended", life.now)


def test_a_canceled_subscription_ends_on_its_date_when_it_is_suspended(life: WiderLives) -> None:
    from tenants.context import public_write
    from tremplin.billing import engine
    from tremplin.billing.models import Subscription

    sub = life._running("lycee")
    end = life.now + timedelta(days=80)
    with public_write("test"):
        Subscription.objects.filter(pk=sub.pk).update(period_end=end)
    life.cancel("lycee", True)
    life.now += timedelta(days=75)
    life._try(engine.run_due)
    sub.refresh_from_db()
    assert (sub.state, sub.ended_at) == ("suspended", None)
    life.everything_agrees()
    life.now = end + timedelta(days=1)
    life._try(engine.run_due)
    sub.refresh_from_db()
    assert (sub.state, sub.ended_at) == ("ended", end)


@pytest.mark.django_db
@pytest.mark.usefixtures("_three_schools")
def test_each_new_step_does_something() -> None:
    WiderLives.done.clear()
    life = WiderLives()
    life.open_shop()
    for which, provider in ((0, "invoice"), (1, "sandbox"), (2, "sandbox"), (2, "invoice")):
        life.buy_module("lycee" if provider == "invoice" else "mecaformation", which, provider)
    life.seats("lycee", 20)
    life.use("mecaformation", 12, 50)
    life.everything_agrees()
    life.far_buys(2, 3, [0, 1, 2, 0, 1, 2])
    life.far_is_refunded(10)
    life.everything_agrees()
    life.two_periods("mecaformation")
    life.everything_agrees()
    life.far_renews(False, [2, 1, 0, 2, 1, 0])
    life.everything_agrees()
    life.far_renews(True, [1, 2, 0, 1, 2, 0])
    life.everything_agrees()
    life.buy("lycee", 1, 10, "sandbox", "4000000000000341", "", False)
    life.far_stops([0, 0, 0, 0, 0, 0])
    life.everything_agrees()
    life.teardown()
    assert WiderLives.done - {""} >= {
        "month module by invoice", "month module by sandbox", "once module by sandbox",
        "once module by invoice", "seats", "cap", "use", "two periods", "far buys", "far renews",
        "far is late", "far stops", "far is refunded",
    }  # fmt: skip
