"""Messages that people received."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from tremplin.api.models import TenantModel


class Notification(TenantModel):
    """One message to one person, written in her language when it was sent."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    key = models.CharField(max_length=100)
    title = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=500, blank=True)
    action = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notifications_notification"
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["person", "-created_at"], name="notif_person_created"),
            models.Index(
                fields=["person"],
                condition=models.Q(read_at__isnull=True),
                name="notif_person_unread",
            ),
        ]

    def __str__(self) -> str:
        return self.key
