"""What arrives twice, late, in the wrong order, forged, at the wrong host, or not at all."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.stripe_server.webhooks import post, signature
from tests.support.stripe_world import REAL_KEY, World

pytestmark = pytest.mark.skipif(bool(REAL_KEY), reason="Stripe cannot reach a loopback address")


def endpoint() -> Any:
    from djstripe.models import WebhookEndpoint

    return WebhookEndpoint.objects.get(stripe_data__metadata__tremplin="platform")


def last_event(world: World, kind: str) -> dict[str, Any]:
    from tests.support.stripe_server.store import plain

    rows = [row for row in world.standin.store.find("", "event") if row["type"] == kind]
    return plain(rows[-1])  # type: ignore[no-any-return]


def send(world: World, body: bytes, header: str, host: str = "") -> int:
    found = endpoint()
    port = found.url.split(":")[2].split("/")[0]
    path = found.url.partition(port)[2]
    return post(f"http://{host or world.hq.primary_host}:{port}{path}", body, header)


def held_order(world: World) -> Any:
    """Pay an order while no webhook leaves."""
    order = world.order(world.tenant, world.plan("pro", 19_000))
    world.standin.faults.hold = True
    assert world.pay(world.page(order)) == 303
    return order


def everything(world: World) -> tuple[Any, ...]:
    from tremplin.billing.models import Invoice, LedgerEntry, Order, Payment, Subscription
    from tremplin.licensing.models import License

    return (
        list(Order.objects.values_list("state", flat=True)),
        list(Subscription.objects.values_list("state", flat=True)),
        list(Invoice.objects.values_list("state", "total_minor", "paid_minor")),
        list(Payment.objects.values_list("state", "amount_minor")),
        License.objects.filter(source="subscription", ended_at=None).count(),
        sum(LedgerEntry.objects.values_list("amount_minor", flat=True)),
    )


PAID = (["paid"], ["active"], [("paid", 22_800, 22_800)], [("settled", 22_800)], 1, 0)


@pytest.mark.parametrize("backwards", [False, True])
def test_the_order_of_events_does_not_matter(world: World, backwards: bool) -> None:
    held_order(world)
    assert world.standin.deliveries.release(backwards=backwards) == 7
    world.settle()
    assert everything(world) == PAID


def test_an_event_twice_counts_once(world: World) -> None:
    from djstripe.models import Event

    held_order(world)
    world.standin.faults.duplicate = -1
    world.standin.deliveries.release()
    world.settle()
    # Seven, and the customer that the mirror itself updates when a page is completed.
    assert len(world.standin.deliveries.done) == 2 * 8
    assert {item.status for item in world.standin.deliveries.done} == {200}
    assert Event.objects.filter(type="invoice.paid").count() == 1
    assert everything(world) == PAID


def test_six_at_the_same_time_are_one_event_and_one_job(world: World) -> None:
    from djstripe.models import Event

    held_order(world)
    body = json.dumps(last_event(world, "invoice.paid")).encode()
    header = signature(body, endpoint().secret, int(time.time()))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: send(world, body, header), range(6)))
    assert answers == [200] * 6
    assert Event.objects.filter(type="invoice.paid").count() == 1
    assert [kwargs["kind"] for _task, kwargs, _tenant in world.jobs] == ["invoice.paid"]
    world.standin.deliveries.release()
    world.settle()
    assert everything(world) == PAID


def test_a_late_event_says_what_is_true_now(world: World) -> None:
    from tremplin.billing import services
    from tremplin.billing.models import Subscription

    world.subscribe(world.tenant, world.plan("pro", 19_000))
    early = last_event(world, "customer.subscription.created")
    sub = Subscription.objects.get()
    services.cancel(sub)
    world.settle()
    early["id"] = "evt_late"
    body = json.dumps(early).encode()
    assert send(world, body, signature(body, endpoint().secret, int(time.time()))) == 200
    world.work()
    sub.refresh_from_db()
    assert sub.cancel_at_period_end is True


def test_forged_old_and_unsigned_events_change_nothing(world: World) -> None:
    from djstripe.models import Event, WebhookEventTrigger

    held_order(world)
    body = json.dumps(last_event(world, "invoice.paid")).encode()
    now, secret = int(time.time()), endpoint().secret
    other = json.dumps({**last_event(world, "invoice.paid"), "id": "evt_other"}).encode()
    before = WebhookEventTrigger.objects.count()
    assert send(world, body, signature(body, "whsec_forged", now)) == 400
    assert send(world, other, signature(body, secret, now)) == 400
    assert send(world, body, signature(body, secret, now - 600)) == 400
    assert WebhookEventTrigger.objects.filter(valid=False).count() == 3
    assert send(world, body, "") == 400
    assert WebhookEventTrigger.objects.count() == before + 3
    assert Event.objects.filter(type="invoice.paid").count() == 0
    assert world.jobs == []
    assert everything(world) == (["open"], [], [], [], 0, 0)


def test_only_the_operators_host_answers(world: World) -> None:
    body = b"{}"
    header = signature(body, endpoint().secret, int(time.time()))
    assert send(world, body, header, world.tenant.primary_host) == 404
    assert send(world, body, header, world.other.primary_host) == 404
    assert send(world, body, header, "nowhere.localhost") == 404
    assert send(world, body, header) == 400


def test_without_a_key_the_address_does_not_exist(world: World, settings: Any) -> None:
    url = endpoint()
    settings.STRIPE_TEST_SECRET_KEY = ""
    body = b"{}"
    assert send(world, body, signature(body, url.secret, int(time.time()))) == 404


def test_a_failed_delivery_is_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from tremplin.billing.stripe import receivers

    order = world.order(world.tenant, world.plan("pro", 19_000))
    broken = [True]
    real = receivers.runner.enqueue

    def enqueue(*args: Any, **kwargs: Any) -> None:
        if kwargs.get("kind") == "invoice.paid" and broken.pop() if broken else False:
            raise RuntimeError("the database went away")
        real(*args, **kwargs)

    monkeypatch.setattr(receivers.runner, "enqueue", enqueue)
    assert world.pay(world.page(order)) == 303
    world.settle()
    tries = [item for item in world.standin.deliveries.done if item.kind == "invoice.paid"]
    assert [(item.attempt, item.status) for item in tries] == [(1, 500), (2, 200)]
    assert everything(world) == PAID


def test_stripe_is_down_for_an_hour_and_everything_is_found_again(world: World) -> None:
    from tremplin.billing.stripe import tasks

    order = world.order(world.tenant, world.plan("pro", 19_000))
    url = world.page(order)
    world.standin.faults.drop = -1
    assert world.pay(url) == 303
    world.settle()
    assert everything(world) == (["open"], [], [], [], 0, 0)
    world.standin.faults.drop, world.standin.faults.status, world.standin.faults.times = 0, 503, -1
    import stripe

    with pytest.raises(stripe.APIError):
        tasks.pull.run()
    assert everything(world) == (["open"], [], [], [], 0, 0)
    world.standin.faults.status = 0
    world.advance(hours=1)
    tasks.pull.run()
    assert everything(world) == PAID
    before = len(world.standin.calls)
    tasks.pull.run()
    assert everything(world) == PAID
    # Nothing is new: one question, no object read again.
    assert len(world.standin.calls) - before == 1


def test_a_deleted_trigger_leaves_the_valid_ones(world: World) -> None:
    from datetime import timedelta

    from django.utils import timezone
    from djstripe.models import WebhookEventTrigger

    from tenants.context import public_write
    from tremplin.billing.stripe import tasks

    world.subscribe(world.tenant, world.plan("pro", 19_000))
    send(world, b"{}", signature(b"{}", "whsec_forged", int(time.time())))
    valid = WebhookEventTrigger.objects.filter(valid=True).count()
    with public_write("test"):
        WebhookEventTrigger.objects.update(created=timezone.now() - timedelta(days=3))
    tasks.prune_triggers.run()
    found = WebhookEventTrigger.objects
    assert (found.filter(valid=True).count(), found.filter(valid=False).count()) == (valid, 0)
    with public_write("test"):
        WebhookEventTrigger.objects.update(created=timezone.now() - timedelta(days=31))
    tasks.prune_triggers.run()
    assert found.count() == 0


def test_the_mirror_reads_the_current_shape(world: World) -> None:
    from datetime import UTC, datetime

    from djstripe.models import Customer, Invoice, Subscription

    world.subscribe(world.tenant, world.plan("pro", 19_000))
    sub = Subscription.objects.get()
    assert sub.current_period_start == datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    assert sub.current_period_end == datetime(2026, 12, 21, 8, 0, tzinfo=UTC)
    assert Invoice.objects.get().paid is True
    assert Customer.objects.get(subscriptions=sub).livemode is False
