"""The outbox and its relay: with the change or not at all, in order, each effect exactly once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenants.context import use
from tests.core.tasks.stack import Stack, undone
from tremplin.api.context import TenantContext
from tremplin.api.events import Delivery, Event, Subscriber, publish
from tremplin.kernel import audit, outbox, relay
from tremplin.kernel.current import NoTenant
from tremplin.kernel.models import AuditEvent, OutboxEvent, Receipt


class Done(Event):
    event_name: ClassVar[str] = "tremplin.testing.thing_done.v1"
    number: int


Handler = Callable[[TenantContext, Delivery], None]


@contextmanager
def subscribed(*handlers: tuple[str, Handler]) -> Iterator[None]:
    found = [Subscriber(Done.event_name, key, handler) for key, handler in handlers]
    for subscriber in found:
        outbox.register_core_subscriber(subscriber)
    try:
        yield
    finally:
        for subscriber in found:
            outbox.unregister_core_subscriber(subscriber)


def write(ctx: TenantContext, delivery: Delivery) -> None:
    audit.record(
        "test.handled",
        target=delivery.aggregate,
        data={"number": delivery.payload["number"], "tenant": ctx.tenant.slug},
    )


def tell(tenant: Any, number: int, aggregate: str = "thing:1") -> UUID:
    with use(tenant), transaction.atomic():
        return publish(Done(number=number), aggregate=aggregate)


def handled(tenant: Any, kind: str = "test.handled") -> list[tuple[str, int]]:
    with use(tenant):
        rows = AuditEvent.objects.filter(kind=kind).order_by("id")
        return [(row.target, row.data["number"]) for row in rows]


def event(tenant: Any, event_id: UUID) -> OutboxEvent:
    with use(tenant):
        return OutboxEvent.objects.get(event_id=event_id)


@pytest.fixture(autouse=True)
def clean(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Start without rows, and collect the messages that would go to a worker."""
    for tenant in (stack.a, stack.b):
        for table in ("kernel_outboxevent", "kernel_receipt", "kernel_auditevent"):
            stack.sql(f'TRUNCATE "{tenant.schema_name}".{table}')
    sent: list[Any] = []
    monkeypatch.setattr(
        relay.relay, "apply_async", lambda **options: sent.append(options["headers"])
    )
    return sent


def test_an_event_needs_a_transaction_and_a_tenant(stack: Stack) -> None:
    with pytest.raises(NoTenant):
        publish(Done(number=1), aggregate="thing:1")
    with use(stack.a), pytest.raises(RuntimeError, match=r"inside transaction\.atomic"):
        publish(Done(number=1), aggregate="thing:1")
    with use(stack.a), transaction.atomic(), pytest.raises(ValueError, match="1 to 200"):
        publish(Done(number=1), aggregate="")


def test_a_rolled_back_change_leaves_no_event_and_no_nudge(stack: Stack, clean: list[Any]) -> None:
    with use(stack.a), undone():
        publish(Done(number=1), aggregate="thing:1")
    with use(stack.a):
        assert OutboxEvent.objects.count() == 0
    assert clean == []


def test_one_nudge_per_transaction_with_the_tenant(stack: Stack, clean: list[Any]) -> None:
    with use(stack.a), transaction.atomic():
        for number in range(3):
            publish(Done(number=number), aggregate="thing:1")
        with undone():
            publish(Done(number=9), aggregate="thing:1")
    assert clean == [{"tremplin_tenant": str(stack.a.uuid)}]
    with use(stack.a):
        assert OutboxEvent.objects.count() == 3


def test_delivery_is_in_order_and_inside_the_tenant(stack: Stack) -> None:
    for number in range(5):
        tell(stack.a, number, f"thing:{number % 2}")
    tell(stack.b, 100)
    with subscribed(("one", write)):
        assert relay.relay_tenant(stack.a) == 5
        assert handled(stack.a) == [
            ("thing:0", 0), ("thing:1", 1), ("thing:0", 2), ("thing:1", 3), ("thing:0", 4),
        ]  # fmt: skip
        assert handled(stack.b) == []
        assert relay.relay_tenant(stack.b) == 1
        assert relay.relay_tenant(stack.a) == 0
    assert handled(stack.b) == [("thing:1", 100)]
    with use(stack.a):
        assert OutboxEvent.objects.filter(sent_at__isnull=False).count() == 5
        assert Receipt.objects.filter(subscriber="one").count() == 5


def test_a_failing_handler_leaves_no_trace_and_does_not_hide_the_others(stack: Stack) -> None:
    def fail(ctx: TenantContext, delivery: Delivery) -> None:
        write(ctx, delivery)
        raise ValueError("private words")

    identifier = tell(stack.a, 1)
    with subscribed(("bad", fail), ("good", write)):
        assert relay.relay_tenant(stack.a) == 0
        assert handled(stack.a) == [("thing:1", 1)]
        row = event(stack.a, identifier)
        assert (row.sent_at, row.attempts, row.dead) == (None, 1, False)
        assert row.last_error.split(":")[:2] == ["bad", " ValueError at test_relay.py"]
        assert relay.relay_tenant(stack.a) == 0
        assert event(stack.a, identifier).attempts == 1
    with use(stack.a):
        assert list(Receipt.objects.values_list("subscriber", flat=True)) == ["good"]
        OutboxEvent.objects.update(next_attempt_at=timezone.now())
    with subscribed(("bad", write), ("good", write)):
        assert relay.relay_tenant(stack.a) == 1
    assert handled(stack.a) == [("thing:1", 1), ("thing:1", 1)]
    assert event(stack.a, identifier).last_error == ""


def test_a_waiting_event_holds_back_the_later_ones_of_its_aggregate_only(stack: Stack) -> None:
    def fail_on_first(ctx: TenantContext, delivery: Delivery) -> None:
        if delivery.payload["number"] == 1:
            raise ValueError("not yet")
        write(ctx, delivery)

    tell(stack.a, 1, "thing:x")
    tell(stack.a, 2, "thing:x")
    tell(stack.a, 3, "thing:y")
    with subscribed(("one", fail_on_first)):
        assert relay.relay_tenant(stack.a) == 1
        assert relay.relay_tenant(stack.a) == 0
    assert handled(stack.a) == [("thing:y", 3)]
    with use(stack.a):
        OutboxEvent.objects.update(next_attempt_at=timezone.now())
    with subscribed(("one", write)):
        assert relay.relay_tenant(stack.a) == 2
    assert handled(stack.a) == [("thing:y", 3), ("thing:x", 1), ("thing:x", 2)]


def test_back_off_then_a_visible_dead_letter_that_can_be_sent_again(
    stack: Stack, clean: list[Any]
) -> None:
    def fail(ctx: TenantContext, delivery: Delivery) -> None:
        raise ValueError(delivery.event_name)

    identifier = tell(stack.a, 1)
    later = tell(stack.a, 2)
    with subscribed(("bad", fail)):
        for attempt in range(1, 9):
            assert event(stack.a, identifier).dead is False
            relay.relay_tenant(stack.a)
            assert event(stack.a, identifier).attempts == attempt
            with use(stack.a):
                OutboxEvent.objects.filter(event_id=identifier).update(
                    next_attempt_at=timezone.now()
                )
    with use(stack.a):
        assert [row.event_id for row in outbox.dead_letters()] == [identifier]
    with use(stack.b):
        assert list(outbox.dead_letters()) == []
        assert outbox.redeliver(identifier) is False
    with subscribed(("bad", write)):
        assert relay.relay_tenant(stack.a) == 1
        assert handled(stack.a) == [("thing:1", 2)]
        assert event(stack.a, later).sent_at is not None
        clean.clear()
        with use(stack.a):
            assert outbox.redeliver(identifier) is True
        assert clean == [{"tremplin_tenant": str(stack.a.uuid)}]
        assert relay.relay_tenant(stack.a) == 1
    assert handled(stack.a) == [("thing:1", 2), ("thing:1", 1)]
    with use(stack.a):
        assert list(outbox.dead_letters()) == []


def test_delays() -> None:
    assert [relay.delay_after(n) for n in range(1, 8)] == [
        timedelta(seconds=s) for s in (15, 60, 240, 960, 3600, 3600, 3600)
    ]


def test_many_relays_at_once_give_each_effect_once(stack: Stack) -> None:
    for number in range(40):
        tell(stack.a, number, f"thing:{number % 4}")
    totals: list[int] = []

    def work() -> None:
        try:
            for _ in range(3):
                totals.append(relay.relay_tenant(stack.a))
        finally:
            connections.close_all()

    with subscribed(("one", write)):
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        relay.relay_tenant(stack.a)
    found = handled(stack.a)
    assert sorted(number for _, number in found) == list(range(40))
    for aggregate in {name for name, _ in found}:
        numbers = [number for name, number in found if name == aggregate]
        assert numbers == sorted(numbers)


def test_a_receipt_already_there_means_no_second_effect(stack: Stack) -> None:
    identifier = tell(stack.a, 1)
    with use(stack.a):
        Receipt.objects.create(event_id=identifier, subscriber="one")
    with subscribed(("one", write)):
        assert relay.relay_tenant(stack.a) == 1
    assert handled(stack.a) == []


def test_the_sweep_finds_tenants_with_overdue_rows_in_one_query(
    stack: Stack, clean: list[Any]
) -> None:
    tell(stack.b, 1)
    clean.clear()
    assert relay.sweep() == 0
    with use(stack.b):
        OutboxEvent.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    with CaptureQueriesContext(connection) as queries:
        assert relay._unsent_in([stack.a, stack.b]) == [stack.b]
    texts = [query["sql"] for query in queries if "outboxevent" in query["sql"]]
    assert [text.count("UNION ALL") for text in texts] == [1]
    assert relay.sweep() == 1
    assert clean == [{"tremplin_tenant": str(stack.b.uuid)}]
    with use(stack.b):
        OutboxEvent.objects.update(dead=True)
    assert relay.sweep() == 0


def test_the_lock_is_free_after_a_run(stack: Stack) -> None:
    tell(stack.a, 1)
    relay.relay_tenant(stack.a)
    held = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
    held += " WHERE l.locktype = 'advisory' AND d.datname = current_database()"
    assert stack.sql(held) == [(0,)]
    assert connection.in_atomic_block is False


def test_a_duplicate_registration_is_refused() -> None:
    with subscribed(("one", write)), pytest.raises(ValueError, match="already handles"):
        outbox.register_core_subscriber(Subscriber(Done.event_name, "one", write))
