"""Random lives of two customers: whatever happens, in any order, everything still agrees."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tremplin.api import Problem

START = datetime.fromisoformat("2026-01-31T10:00:00+01:00")
AMOUNTS = st.integers(min_value=1, max_value=50_000)
WHO = st.sampled_from(["mecaformation", "lycee"])


class Lives(RuleBasedStateMachine):
    """Two schools that buy, change, pay late, are refunded and leave, and a clock that moves."""

    @initialize()
    def open_shop(self) -> None:
        from django.db import transaction

        from tenants import registry
        from tests.core.billing.engine.conftest import identify, make_price
        from tremplin.billing import services
        from tremplin.licensing import snapshots

        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        snapshots.forget()
        registry.invalidate()
        self.now = START
        self.tenants: dict[str, Any] = {
            slug: registry.by_slug(slug) for slug in ("mecaformation", "lycee")
        }
        identify(*self.tenants.values())
        self.plans = [
            make_price("starter", 4900),
            make_price("school", 39000, seats=10, extra=390),
            make_price("pro", 19001, model="per_seat"),
        ]
        services.create_coupon("LESS", percent=Decimal("33.3"), duration="repeating", months=2)
        services.create_coupon("OFF", amount_minor=1234, currency="EUR", max_redemptions=1)
        self.buy("mecaformation", 0, 1, "sandbox", "4242424242424242", "LESS", False)
        self.buy("lycee", 1, 10, "invoice", "", "", False)

    def teardown(self) -> None:
        from django.db import transaction

        from tenants import registry

        if hasattr(self, "atomic"):
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)
            registry.invalidate()

    done: ClassVar[set[str]] = set()

    def _try(self, call: Any, name: str = "") -> Any:
        """Do something that billing may refuse; a refusal leaves nothing behind."""
        from django.db import transaction

        from tremplin.testing import freeze

        try:
            with freeze(self.now), transaction.atomic():
                answer = call()
            self.done.add(name)
            return answer
        except Problem:
            return None

    def _running(self, who: str) -> Any:
        from tremplin.billing import selectors

        return selectors.plan_subscription(self.tenants[who])

    @rule(
        who=WHO,
        plan=st.integers(0, 2),
        seats=st.integers(1, 40),
        provider=st.sampled_from(["invoice", "sandbox"]),
        number=st.sampled_from(["4242424242424242", "4000000000000341", "4000000000000002"]),
        coupon=st.sampled_from(["", "LESS", "OFF"]),
        trial=st.booleans(),
    )
    def buy(self, who: str, plan: int, seats: int, provider: str, number: str, coupon: str,
            trial: bool) -> None:  # fmt: skip
        from tests.core.billing.engine.conftest import purchase
        from tremplin.billing.providers import sandbox

        def call() -> None:
            order = purchase(
                self.tenants[who], self.plans[plan], provider=provider, coupon=coupon, trial=trial,
                seats=seats if plan else None,
            )  # fmt: skip
            if provider == "sandbox":
                sandbox.submit_card(order, number)

        self._try(call, f"buy by {provider}")

    @rule(who=WHO, plan=st.integers(0, 2), seats=st.integers(1, 40))
    def change(self, who: str, plan: int, seats: int) -> None:
        from tremplin.billing import services

        sub = self._running(who)
        if sub is None:
            return

        def call() -> None:
            wanted = services.Change(
                "plan", self.plans[plan].plan_version, seats=seats if plan else None
            )
            quote = services.preview_change(sub, wanted)
            services.change(sub, quote, idempotency_key=uuid4())
            self.done.add("at once" if quote.body["is_immediate"] else "later")

        self._try(call, "change")

    @rule(who=WHO, at_period_end=st.booleans())
    def cancel(self, who: str, at_period_end: bool) -> None:
        from tremplin.billing import services

        sub = self._running(who)
        if sub is not None:
            self._try(lambda: services.cancel(sub, at_period_end=at_period_end), "cancel")

    @rule(who=WHO)
    def undo(self, who: str) -> None:
        from tremplin.billing import services

        sub = self._running(who)
        if sub is not None:
            self._try(lambda: services.undo_cancel(sub), "undo")
            self._try(lambda: services.undo_change(sub))

    @rule(who=WHO, amount=AMOUNTS)
    def pay(self, who: str, amount: int) -> None:
        from tremplin.billing import services
        from tremplin.billing.models import Invoice

        rows = Invoice.objects.filter(tenant_id=self.tenants[who].pk, state="open")
        invoice = rows.order_by("finalised_at").first()
        if invoice is not None:
            self._try(
                lambda: services.mark_paid(
                    invoice, by=None, at=self.now, reference=str(uuid4()), amount_minor=amount
                ),
                "pay",
            )
            self._try(
                lambda: services.mark_paid(invoice, by=None, at=self.now, reference=str(uuid4()))
            )

    @rule(who=WHO, amount=AMOUNTS)
    def refund(self, who: str, amount: int) -> None:
        from tremplin.billing import services
        from tremplin.billing.models import Payment

        payment = (
            Payment.objects.filter(account__tenant_id=self.tenants[who].pk, state="settled")
            .order_by("at")
            .last()
        )
        if payment is not None:
            self._try(
                lambda: services.refund(
                    payment, amount, idempotency_key=uuid4(), reason="r", by=None
                ),
                "refund",
            )

    @rule(who=WHO, outcome=st.sampled_from(["opened", "won", "lost"]))
    def dispute(self, who: str, outcome: Any) -> None:
        from tremplin.billing import projector
        from tremplin.billing.facts import Dispute
        from tremplin.billing.models import Payment

        payment = Payment.objects.filter(
            account__tenant_id=self.tenants[who].pk, state="settled", provider="sandbox"
        ).last()
        if payment is not None:
            fact = Dispute(
                provider="sandbox", event_id=str(uuid4()), occurred_at=self.now, outcome=outcome,
                payment_ref=payment.provider_ref, currency="EUR",
                amount_minor=payment.amount_minor,
            )  # fmt: skip
            self._try(lambda: projector.apply(fact), outcome)

    @rule()
    def replay(self) -> None:
        """Deliver every fact once more."""
        from tremplin.billing import projector
        from tremplin.billing.facts import from_json
        from tremplin.billing.models import ProviderEvent

        for row in ProviderEvent.objects.all():
            assert self._try(lambda row=row: projector.apply(from_json(row.body))) == "duplicate"

    @rule(who=WHO)
    def new_card(self, who: str) -> None:
        from tremplin.billing import services
        from tremplin.billing.providers import sandbox

        account = services.account_of(self.tenants[who])
        self._try(lambda: sandbox.replace_card(account, sandbox.GOOD))

    @rule(days=st.sampled_from([1, 6, 15, 31, 62, 100]))
    def wait(self, days: int) -> None:
        from tremplin.billing import engine

        self.now += timedelta(days=days)
        self._try(engine.run_due, "run")

    @invariant()
    def everything_agrees(self) -> None:
        from tremplin.billing import reconciliation
        from tremplin.testing import freeze

        if not hasattr(self, "now"):
            return
        with freeze(self.now):
            found = [str(item) for item in reconciliation.run()]
        assert found == []


@pytest.fixture
def _two_schools(hq: Any, tenant_a: Any, tenant_b: Any) -> None:
    """Make the base database ready."""


@pytest.mark.django_db
@pytest.mark.usefixtures("_two_schools")
def test_random_sequences_leave_no_difference() -> None:
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=30,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("_two_schools")
def test_each_step_of_the_lives_does_something() -> None:
    """Walk through every rule once: none is refused or idle where it should act."""
    Lives.done.clear()
    life = Lives()
    life.open_shop()
    life.pay("lycee", 100)
    life.refund("lycee", 3)
    life.everything_agrees()
    life.cancel("lycee", True)
    life.undo("lycee")
    life.change("lycee", 1, 20)
    life.change("lycee", 0, 1)
    life.everything_agrees()
    for outcome in ("opened", "won"):
        life.dispute("mecaformation", outcome)
    life.replay()
    life.wait(62)
    life.dispute("mecaformation", "lost")
    life.everything_agrees()
    life.teardown()
    assert Lives.done - {""} == {
        "buy by invoice", "buy by sandbox", "change", "at once", "later", "cancel", "undo", "pay",
        "refund", "opened", "won", "lost", "run",
    }  # fmt: skip
