"""Housekeeping of the operations."""

from __future__ import annotations

from django.utils import timezone

from tremplin.api.tasks import task
from tremplin.operations.models import HandOver, PendingSpace


@task(queue="bulk", time_limit=60)
def forget_pending() -> int:
    """Delete the requests and tokens that can no longer be used and return how many."""
    now = timezone.now()
    requests, _ = PendingSpace.objects.filter(expires_at__lte=now).delete()
    tokens, _ = HandOver.objects.filter(expires_at__lte=now).delete()
    return requests + tokens
