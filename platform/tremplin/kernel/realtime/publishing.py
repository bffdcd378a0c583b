"""Sending realtime messages, after commit and never at the cost of the caller's work."""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import transaction

from tremplin.kernel.current import tenant_required
from tremplin.kernel.realtime.envelope import (
    EVERYONE,
    KICK,
    LIMIT,
    Message,
    encode,
    is_topic,
    new_id,
)
from tremplin.kernel.realtime.startup import bus

logger = logging.getLogger(__name__)


def _send(schema: str, topic: str, data: str) -> None:
    payload = encode(Message(new_id(), schema, topic, data))
    if len(payload.encode()) > LIMIT:
        payload = encode(Message(new_id(), schema, topic, ""))

    def deliver() -> None:
        try:
            bus().publish(payload)
        except Exception:
            logger.warning("realtime message on %s was not sent", topic, exc_info=True)

    transaction.on_commit(deliver)


class Realtime:
    """The service ``realtime``."""

    def publish(self, topic: str, html: str) -> None:
        """Send an HTML fragment to the readers of ``topic`` in the current tenant, after commit.

        The fragment is the same for every reader: no personal content, no token, no translated
        text, user text escaped. Above 7,900 bytes it becomes a signal. Raises ``ValueError`` for a
        bad topic and ``NoTenant`` outside a tenant.
        """
        if not is_topic(topic):
            raise ValueError(f"{topic!r} is not a topic")
        _send(tenant_required().schema_name, topic, html)

    def signal(self, topic: str) -> None:
        """Tell the readers of ``topic`` to read its content again."""
        self.publish(topic, "")


def kick(person: UUID | None) -> None:
    """End the open streams of a person of the current tenant, or of everyone (None), after commit.

    Call it on logout, change of password or roles, suspension of a person or of the tenant: the
    browser reconnects and is checked again.
    """
    _send(tenant_required().schema_name, KICK, EVERYONE if person is None else str(person))
