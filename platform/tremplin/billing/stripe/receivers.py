"""What follows from a mirrored event: one job that reads the object again. Nothing is decided here."""

from __future__ import annotations

from typing import Any

from djstripe.event_handlers import djstripe_receiver

from tremplin.billing.stripe.methods import EVENTS as METHOD_EVENTS
from tremplin.billing.stripe.pulling import FACT_EVENTS
from tremplin.kernel.tasks import runner


@djstripe_receiver([*FACT_EVENTS, *METHOD_EVENTS])
def queue_event(sender: Any, event: Any, **kwargs: Any) -> None:
    """Queue the projection of an event, in the transaction that stores it."""
    from tremplin.billing.stripe import tasks

    runner.enqueue(
        tasks.project,
        event=event.id,
        kind=event.type,
        key=event.data["object"]["id"],
        created=int(event.created.timestamp()),
    )
