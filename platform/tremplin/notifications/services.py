"""Writes of the notifications, and the service ``notify``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction

from tremplin.api import services
from tremplin.api.tasks import enqueue
from tremplin.kernel import clock
from tremplin.kernel.current import tenant_required
from tremplin.notifications.models import Notification

MAILS_PER_TASK = 50


def _in_language(texts: Mapping[str, str], language: str) -> str:
    code = language.split("-")[0]
    return texts.get(code) or texts.get("en") or next(iter(texts.values()), "")


class NotifyService:
    """Implements ``tremplin.api.services.Notify``."""

    def send(
        self,
        persons: Sequence[UUID],
        key: str,
        *,
        title: Mapping[str, str],
        body: Mapping[str, str],
        url: str = "",
        action: Mapping[str, str] | None = None,
    ) -> int:
        """Store one message per known person and queue the mails after commit."""
        from tremplin.notifications.tasks import send_mails

        space_language = tenant_required().locale
        found = services.people().many(set(persons))
        rows = [
            Notification(
                person_id=person.id,
                key=key,
                title=_in_language(title, person.locale or space_language),
                body=_in_language(body, person.locale or space_language),
                url=url,
                action=_in_language(action or {}, person.locale or space_language),
                created_at=clock.now(),
            )
            for person in found.values()
        ]
        with transaction.atomic():
            Notification.objects.bulk_create(rows)
            ids = [str(row.pk) for row in rows]
            for start in range(0, len(ids), MAILS_PER_TASK):
                enqueue(send_mails, notifications=ids[start : start + MAILS_PER_TASK])
        return len(rows)


def mark_read(person: UUID) -> int:
    """Mark every message of a person as read and return how many were not."""
    return Notification.objects.filter(person_id=person, read_at__isnull=True).update(
        read_at=clock.now()
    )
