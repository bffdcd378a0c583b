"""Transactional outbox: a fact is written with the change that made it true, and delivered later."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from tremplin.api.events import Event, Subscriber
from tremplin.kernel.current import CurrentTenant, tenant_required
from tremplin.kernel.models import OutboxEvent

logger = logging.getLogger(__name__)

# The nudge after commit delivers at once; the sweep looks at rows the nudge left behind this long.
SWEEP_AFTER = timedelta(seconds=30)

_core_subscribers: dict[str, list[Subscriber]] = {}


def register_core_subscriber(subscriber: Subscriber) -> None:
    """Let a core app handle an event in every tenant; call it from ``AppConfig.ready``.

    Raises ``ValueError`` when the key is registered twice for the event.
    """
    found = _core_subscribers.setdefault(subscriber.event_name, [])
    if any(other.key == subscriber.key for other in found):
        raise ValueError(f"{subscriber.key} already handles {subscriber.event_name}")
    found.append(subscriber)


def unregister_core_subscriber(subscriber: Subscriber) -> None:
    """Forget a subscriber (tests)."""
    _core_subscribers[subscriber.event_name].remove(subscriber)


def subscribers_of(event_name: str, tenant: CurrentTenant) -> Iterator[Subscriber]:
    """Yield who handles an event for ``tenant``: core first, then modules that are on, by slug."""
    from tremplin.kernel import gate, registry

    yield from _core_subscribers.get(event_name, ())
    for entry in registry.installed():
        declared = entry.manifest.subscribers if entry.manifest is not None else ()
        wanted = [s for s in declared if s.event_name == event_name]
        if wanted and gate.mode(tenant, entry.slug) == "on":
            yield from wanted


@dataclass(frozen=True, slots=True)
class _Nudge:
    """Asks for one relay run after commit, however many events the transaction wrote."""

    tenant: UUID

    def __call__(self) -> None:
        from tremplin.kernel import relay
        from tremplin.kernel.tasks.base import TENANT_HEADER, send

        send(relay.relay, {TENANT_HEADER: str(self.tenant)}, {})


def publish(event: Event, aggregate: str) -> UUID:
    """Write ``event`` in the caller's transaction and return its id.

    ``aggregate`` names the thing the fact is about (``quiz.attempt:<uuid>``, at most 200
    characters). Raises ``NoTenant`` outside a tenant, ``RuntimeError`` outside a transaction (the
    fact could then survive a change that did not) and ``ValueError`` for a bad aggregate.
    """
    tenant = tenant_required()
    if not connection.in_atomic_block:
        raise RuntimeError("publish an event inside transaction.atomic(), with the change it tells")
    if not 0 < len(aggregate) <= 200:
        raise ValueError("aggregate holds 1 to 200 characters")
    from tremplin.kernel import clock

    row = OutboxEvent.objects.create(
        event_id=uuid4(),
        name=event.event_name,
        aggregate=aggregate,
        payload=event.model_dump(mode="json"),
        occurred_at=clock.now(),
        next_attempt_at=timezone.now() + SWEEP_AFTER,
    )
    nudge = _Nudge(tenant.uuid)
    if all(entry[1] != nudge for entry in connection.run_on_commit):
        transaction.on_commit(nudge)
    return row.event_id


class Outbox:
    """The service ``outbox``."""

    def publish(self, event: Event, *, aggregate: str) -> UUID:
        """Write ``event`` in the caller's transaction (see ``publish``)."""
        return publish(event, aggregate)


def dead_letters() -> QuerySet[OutboxEvent]:
    """Return the events of the current tenant whose delivery was given up, oldest first."""
    tenant_required()
    return OutboxEvent.objects.filter(dead=True).order_by("id")


def redeliver(event_id: UUID) -> bool:
    """Give a dead letter a new series of attempts; return whether there was such a letter."""
    tenant = tenant_required()
    with transaction.atomic():
        revived = OutboxEvent.objects.filter(event_id=event_id, dead=True).update(
            dead=False, attempts=0, next_attempt_at=timezone.now(), last_error=""
        )
        if revived:
            transaction.on_commit(_Nudge(tenant.uuid))
    return bool(revived)
