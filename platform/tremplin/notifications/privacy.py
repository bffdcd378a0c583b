"""Personal data kept by the notifications."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tremplin.api import ExportFile, Processing, TenantContext, Text
from tremplin.notifications.models import Notification

RETENTION_DAYS = 365


class NotificationsPersonalData:
    """Messages are deleted with the account, and after a year."""

    def describe(self) -> Iterable[Processing]:
        yield Processing(
            "messages",
            Text(en="Messages received", fr="Messages reçus"),
            Text(
                en="Tell people what awaits them", fr="Prévenir les personnes de ce qui les attend"
            ),
            RETENTION_DAYS,
        )

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        rows = Notification.objects.filter(person_id=person)
        yield ExportFile(
            "notifications/messages.json",
            [
                {
                    "title": row.title,
                    "body": row.body,
                    "created_at": row.created_at.isoformat(),
                    "read_at": row.read_at.isoformat() if row.read_at else None,
                }
                for row in rows
            ],
        )

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        return Notification.objects.filter(person_id=person).delete()[0]

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        return Notification.objects.filter(created_at__lt=before).delete()[0]
