"""The archive of a space, asked for by its administrators, suspended spaces included."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from tenants import archive
from tremplin.api.tasks import enqueue
from tremplin.kernel import audit
from tremplin.kernel.current import tenant_required
from tremplin.operations.models import SpaceExport

logger = logging.getLogger(__name__)
KEPT = timedelta(hours=24)


def path_of(export: SpaceExport) -> Path:
    """Return where the archive of ``export`` stands, outside everything that is served."""
    return Path(settings.DATA_DIR) / "exports" / str(tenant_required().uuid) / f"{export.pk}.zip"


def ask(person: UUID) -> SpaceExport:
    """Queue an archive, or return the one that is already being made."""
    from tremplin.operations.tasks import make_export

    with transaction.atomic():
        waiting = SpaceExport.objects.filter(
            state=SpaceExport.State.WAITING, asked_at__gt=timezone.now() - timedelta(minutes=30)
        ).first()
        if waiting is not None:
            return waiting
        export = SpaceExport.objects.create(asked_by=person, asked_at=timezone.now())
        audit.record("security.space_export_asked", target=str(export.pk))
        enqueue(make_export, export=str(export.pk))
    return export


def make(key: UUID) -> None:
    """Write the archive of a queued export; doing it twice writes the same file again."""
    export = SpaceExport.objects.filter(pk=key).first()
    if export is None:
        return
    path = path_of(export)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        archive.export(tenant_required(), path)
    except Exception:
        logger.exception("the archive of a space could not be written")
        SpaceExport.objects.filter(pk=key).update(state=SpaceExport.State.FAILED)
        raise
    SpaceExport.objects.filter(pk=key).update(
        state=SpaceExport.State.READY, size=path.stat().st_size
    )


def forget_old() -> int:
    """Delete the archives older than a day and return how many."""
    old = list(SpaceExport.objects.filter(asked_at__lt=timezone.now() - KEPT))
    for export in old:
        path_of(export).unlink(missing_ok=True)
        export.delete()
    return len(old)
