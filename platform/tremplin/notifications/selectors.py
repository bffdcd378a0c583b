"""Reads of the notifications."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from tremplin.notifications.models import Notification


def of_person(person: UUID) -> QuerySet[Notification]:
    """Return the messages of a person, newest first."""
    return Notification.objects.filter(person_id=person)


def unread_count(person: UUID) -> int:
    """Return how many messages of a person are not read."""
    return Notification.objects.filter(person_id=person, read_at__isnull=True).count()
