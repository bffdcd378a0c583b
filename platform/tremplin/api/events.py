"""Facts: typed, versioned messages that pass through the transactional outbox."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from tremplin.api.context import TenantContext

EVENT_NAME = re.compile(r"^tremplin\.(?P<module>[a-z][a-z0-9_]*)\.[a-z][a-z0-9_]*\.v[1-9]\d*$")


class Event(BaseModel):
    """Base of every event payload: ids and facts; personal data only under a field ``pii``.

    A subclass sets ``event_name`` (``tremplin.<module>.<fact_in_past_tense>.v<major>``).
    Consumers ignore fields they do not know, so adding an optional field is compatible.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    event_name: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not EVENT_NAME.match(cls.event_name):
            raise TypeError(
                f"{cls.__name__}.event_name {cls.event_name!r} is not a valid event name"
            )

    @classmethod
    def module(cls) -> str:
        """Return the module part of the event name."""
        match = EVENT_NAME.match(cls.event_name)
        assert match is not None  # noqa: S101  checked when the class was created
        return match["module"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of an event to one subscriber (at least once, in order per aggregate)."""

    event_id: UUID
    event_name: str
    aggregate: str
    occurred_at: datetime
    payload: dict[str, Any]


Handler = Callable[["TenantContext", Delivery], None]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A handler of one event; its ``key`` with the event id makes a delivery idempotent."""

    event_name: str
    key: str
    handler: Handler


def subscribe(event_name: str) -> Callable[[Handler], Subscriber]:
    """Turn ``handler(ctx, delivery)`` into a subscriber of ``event_name``.

    The handler runs inside the tenant, in a transaction that also stores the receipt: whatever it
    writes to the database happens exactly once. It must import Django lazily.
    """
    if not EVENT_NAME.match(event_name):
        raise ValueError(f"{event_name!r} is not a valid event name (no wildcard subscriptions)")

    def wrap(handler: Handler) -> Subscriber:
        return Subscriber(event_name, f"{handler.__module__}.{handler.__qualname__}", handler)

    return wrap


def publish(event: Event, *, aggregate: str) -> UUID:
    """Write ``event`` to the outbox of the current tenant, in the caller's transaction.

    Parameters: ``aggregate`` names the thing the fact is about (``quiz.attempt:<uuid>``); events of
    one aggregate are delivered in order. Returns the event id. Raises ``RuntimeError`` outside a
    transaction or outside a tenant.
    """
    from tremplin.api import services

    return services.outbox().publish(event, aggregate=aggregate)
