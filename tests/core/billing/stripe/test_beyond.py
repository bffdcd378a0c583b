"""What was used beyond the plan is on Stripe's next invoice: once, whatever dies in between."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.support.stripe_world import World
from tremplin.billing import reconciliation, services
from tremplin.billing.models import Invoice, ProviderEvent
from tremplin.billing.stripe import beyond
from tremplin.licensing import consumption, overage

TOKENS = "ai.tokens"


@pytest.fixture
def metered(world: World) -> World:
    """A school that pays by Stripe, has 100 units, then pays 7 cents each up to 50 EUR."""
    from tenants.context import public_write
    from tremplin.licensing.models import PlanEntitlement

    price = world.plan("pro", 19_000)
    with public_write("test"):
        PlanEntitlement.objects.create(
            version=price.plan_version, feature=TOKENS, value=100, reset="month",
            overage="bill", overage_unit_minor=7,
        )  # fmt: skip
    world.subscribe(world.tenant, price)
    services.set_overage_cap(world.tenant, TOKENS, 5_000)
    consumption.consume(world.tenant, TOKENS, 112, idem=uuid4())
    return world


def totals() -> list[tuple[int, int, str]]:
    rows = Invoice.objects.order_by("created_at")
    return [(row.net_minor, row.total_minor, row.state) for row in rows]


def test_it_is_on_the_next_invoice_once(metered: World) -> None:
    assert (beyond.push(), beyond.push()) == (1, 0)
    consumption.consume(metered.tenant, TOKENS, 3, idem=uuid4())
    assert beyond.push() == 1
    metered.advance(days=31)
    # 190 EUR, then 190 EUR with 15 units at 7 cents; 20 % VAT on the sum.
    assert totals() == [(19_000, 22_800, "paid"), (19_105, 22_926, "paid")]
    metered.advance(days=31)
    assert totals()[-1] == (19_000, 22_800, "paid")
    assert overage.unbilled(metered.tenant.pk) == []
    assert reconciliation.run() == []


def test_a_process_that_dies_before_or_after_the_call_sends_it_once(
    metered: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = beyond._send

    def dies_before(_event: Any) -> int:
        raise SystemExit

    monkeypatch.setattr(beyond, "_send", dies_before)
    with pytest.raises(SystemExit):
        beyond.push()

    def dies_after(event: Any) -> int:
        from tremplin.billing.stripe.client import api

        api().invoice_items.create(event.body, {"idempotency_key": event.event_id})
        raise SystemExit

    monkeypatch.setattr(beyond, "_send", dies_after)
    with pytest.raises(SystemExit):
        beyond.push()
    monkeypatch.setattr(beyond, "_send", real)
    assert beyond.push() == 1
    metered.advance(days=31)
    assert totals()[-1] == (19_084, 22_901, "paid")


def test_what_was_not_confirmed_within_a_day_is_left_to_a_person(
    metered: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    real = beyond._send
    monkeypatch.setattr(beyond, "_send", lambda _event: 0)
    assert beyond.push() == 0
    monkeypatch.setattr(beyond, "_send", real)
    metered.hold(metered.now + timedelta(hours=21))
    assert beyond.push() == 0
    assert list(
        ProviderEvent.objects.filter(kind="OverageItem").values_list("outcome", flat=True)
    ) == ["to_send"]
    metered.hold(metered.now + timedelta(hours=4))
    assert [item.kind for item in reconciliation.run()] == ["unsent"]
