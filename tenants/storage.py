"""Files of the current tenant, under ``<MEDIA_ROOT>/<tenant uuid>/``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.storage import FileSystemStorage

from tremplin.kernel.current import tenant_required


def folder_of(tenant: UUID) -> Path:
    """Return the folder that holds every file of ``tenant``."""
    return Path(settings.MEDIA_ROOT) / str(tenant)


def erase(tenant: UUID) -> int:
    """Delete every file of ``tenant`` and return how many there were."""
    folder = folder_of(tenant)
    count = sum(1 for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0
    shutil.rmtree(folder, ignore_errors=True)
    return count


class TenantStorage(FileSystemStorage):
    """File storage whose root is computed at each call from the current tenant.

    Names kept in the database are relative to the tenant, so an archive can move unchanged.
    Outside any tenant every operation raises ``NoTenant``. Files have no public address: they
    are served by views that check rights.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._base_url = None

    @property
    def base_location(self) -> str:
        return str(folder_of(tenant_required().uuid))

    location = base_location

    def url(self, name: str | None) -> str:
        raise ValueError("a tenant file has no direct address: use the files service")
