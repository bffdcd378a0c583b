"""Facts of billing that other parts may follow, through the outbox of the tenant."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from tremplin.api.events import Event


class InvoicePaid(Event):
    """An invoice of the space was paid in full."""

    event_name: ClassVar[str] = "tremplin.billing.invoice_paid.v1"

    invoice: UUID
    number: str
    currency: str
    total_minor: int


class PluginActivated(Event):
    """A purchase opened a module."""

    event_name: ClassVar[str] = "tremplin.licensing.plugin_activated.v1"

    plugin: str
    license: UUID
