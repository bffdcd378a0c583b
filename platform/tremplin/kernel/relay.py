"""Delivers outbox rows: in order per aggregate, each handler's effect exactly once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from zlib import crc32

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from tremplin.api import services
from tremplin.api.events import Delivery, Subscriber
from tremplin.kernel import outbox
from tremplin.kernel.current import CurrentTenant, tenant_required
from tremplin.kernel.models import OutboxEvent, Receipt
from tremplin.kernel.tasks import public_task, runner
from tremplin.kernel.tasks.base import TENANT_HEADER, send
from tremplin.kernel.tasks.jobs import describe

logger = logging.getLogger(__name__)

BATCH = 200
SCHEMAS_PER_QUERY = 200
MAX_ATTEMPTS = 8
_FIRST_DELAY = timedelta(seconds=15)
_LONGEST_DELAY = timedelta(hours=1)
_LOCK_CLASS = 0x6F757462  # "outb"


def delay_after(attempts: int) -> timedelta:
    """Return the wait after that many failed attempts: 15 s, 1, 4, 16 minutes, then 1 hour."""
    return min(_LONGEST_DELAY, _FIRST_DELAY * int(4 ** (attempts - 1)))


@contextmanager
def _only_relay(tenant: CurrentTenant) -> Iterator[bool]:
    """Let one relay at a time work for ``tenant``: order needs a single file."""
    key = crc32(tenant.schema_name.encode()) - 2**31
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK_CLASS, key])
        row = cursor.fetchone()
        taken = bool(row and row[0])
    try:
        yield taken
    finally:
        if taken and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK_CLASS, key])


def relay_tenant(tenant: Any) -> int:
    """Deliver what is due for ``tenant`` and return how many events were fully delivered.

    Returns 0 at once when another process is delivering for this tenant; that one looks again
    before it stops, and the sweep collects what remains.
    """
    with services.tenancy().use(tenant), _only_relay(tenant) as alone:
        if not alone:
            return 0
        delivered, blocked = 0, set[str]()
        while batch := _due(blocked):
            for event in batch:
                if event.aggregate in blocked:
                    continue
                if _deliver(event, tenant):
                    delivered += 1
                else:
                    blocked.add(event.aggregate)
        return delivered


def _due(blocked: set[str]) -> list[OutboxEvent]:
    """Return the oldest deliverable events; an event waits for the earlier ones of its aggregate."""
    now = timezone.now()
    pending = Q(sent_at__isnull=True, dead=False)
    waiting = Q(attempts__gt=0, next_attempt_at__gt=now)
    earlier = OutboxEvent.objects.filter(
        pending & waiting, aggregate=OuterRef("aggregate"), id__lt=OuterRef("id")
    )
    found = OutboxEvent.objects.filter(pending).exclude(waiting).exclude(Exists(earlier))
    if blocked:
        found = found.exclude(aggregate__in=blocked)
    return list(found.order_by("id")[:BATCH])


def _deliver(event: OutboxEvent, tenant: CurrentTenant) -> bool:
    delivery = Delivery(
        event_id=event.event_id,
        event_name=event.name,
        aggregate=event.aggregate,
        occurred_at=event.occurred_at,
        payload=event.payload,
    )
    failure: tuple[str, Exception] | None = None
    for subscriber in outbox.subscribers_of(event.name, tenant):
        try:
            _handle(subscriber, delivery)
        except Exception as error:
            logger.warning(
                "%s failed on %s %s", subscriber.key, event.name, event.event_id, exc_info=True
            )
            failure = failure or (subscriber.key, error)
    with transaction.atomic():
        row = OutboxEvent.objects.select_for_update().get(pk=event.pk)
        if failure is None:
            row.sent_at = timezone.now()
            row.last_error = ""
        else:
            key, reason = failure
            row.attempts += 1
            row.dead = row.attempts >= MAX_ATTEMPTS
            row.next_attempt_at = timezone.now() + delay_after(row.attempts)
            row.last_error = f"{key}: {describe(reason)}"[:500]
        row.save(update_fields=["sent_at", "attempts", "dead", "next_attempt_at", "last_error"])
    if row.dead:
        logger.error("%s %s is a dead letter: %s", event.name, event.event_id, row.last_error)
    # A dead letter no longer holds up the later facts of its aggregate.
    return failure is None


def _handle(subscriber: Subscriber, delivery: Delivery) -> None:
    """Run one handler in one transaction with its receipt, unless the receipt exists."""
    if Receipt.objects.filter(event_id=delivery.event_id, subscriber=subscriber.key).exists():
        return
    with transaction.atomic():
        _, is_new = Receipt.objects.get_or_create(
            event_id=delivery.event_id, subscriber=subscriber.key
        )
        if is_new:
            subscriber.handler(services.contexts().current(), delivery)


def _unsent_in(tenants: list[Any]) -> list[Any]:
    """Return those of ``tenants`` that have deliverable rows, in one query per 200 schemas."""
    found: list[Any] = []
    quote = connection.ops.quote_name
    table = quote(OutboxEvent._meta.db_table)
    for start in range(0, len(tenants), SCHEMAS_PER_QUERY):
        chunk = tenants[start : start + SCHEMAS_PER_QUERY]
        parts = [
            f"(SELECT {index} FROM {quote(tenant.schema_name)}.{table} "  # noqa: S608  quoted names
            "WHERE sent_at IS NULL AND NOT dead AND next_attempt_at <= now() LIMIT 1)"
            for index, tenant in enumerate(chunk)
        ]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts))
            found.extend(chunk[row[0]] for row in cursor.fetchall())
    return found


def sweep() -> int:
    """Ask for a relay run in every active tenant with overdue rows; return how many."""
    with services.tenancy().public():
        late = _unsent_in(list(services.tenancy().active()))
    for tenant in late:
        send(relay, {TENANT_HEADER: str(tenant.uuid)}, {})
    return len(late)


@public_task(max_retries=0, time_limit=60)
def sweep_outbox() -> int:
    """Collect what a lost nudge or a failed attempt left behind."""
    return sweep()


@runner.declare(queue="default", time_limit=300, max_retries=0, suspended_ok=False, module="")
def relay() -> int:
    """Deliver the current tenant's outbox."""
    return relay_tenant(tenant_required())
