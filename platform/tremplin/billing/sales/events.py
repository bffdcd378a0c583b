"""Facts of sales that modules may follow, through the outbox of the space.

A module that delivers something (a premium CV, an audit) subscribes by name:
``@subscribe("tremplin.sales.order_paid.v1")``; its payload holds ids and amounts, no name.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from tremplin.api.events import Event


class OrderPaid(Event):
    """A person paid for an entry: ``kind`` says what (``premium_cv``), ``item`` which entry."""

    event_name: ClassVar[str] = "tremplin.sales.order_paid.v1"

    order: UUID
    person: UUID | None
    kind: str
    item: str
    currency: str
    total_minor: int


class OrderRefunded(Event):
    """All the money of an order was given back: what it opened may close."""

    event_name: ClassVar[str] = "tremplin.sales.order_refunded.v1"

    order: UUID
    person: UUID | None
    kind: str
    item: str
    currency: str
    total_minor: int
