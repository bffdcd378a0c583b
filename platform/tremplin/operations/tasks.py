"""Housekeeping of the operations."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from tremplin.api.tasks import task
from tremplin.operations import exports
from tremplin.operations.models import HandOver, PendingSpace
from tremplin.operations.payments.statements import services as statements


@task(queue="bulk", time_limit=60)
def forget_pending() -> int:
    """Delete requests, tokens, archives and statements no longer needed and return how many."""
    now = timezone.now()
    requests, _ = PendingSpace.objects.filter(expires_at__lte=now).delete()
    tokens, _ = HandOver.objects.filter(expires_at__lte=now).delete()
    return requests + tokens + exports.forget_old() + statements.forget_old()


@task(queue="bulk", time_limit=900, suspended_ok=True)
def make_export(export: str) -> None:
    """Write the archive that an administrator asked for."""
    exports.make(UUID(export))
