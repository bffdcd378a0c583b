"""Reads the logo of a space, its own or the one that its reseller's preset gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.files.storage import default_storage
from django.db.models import Q

from tenants.context import use
from tenants.models import BrandPreset

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


def read(tenant: TenantInfo, path: str) -> bytes | None:
    """Return a brand file as ``tenant`` (the current space) may show it, None when there is none."""
    found = _stored(path)
    if found is not None or tenant.reseller_pk is None:
        return found
    from tenants import registry

    # Of the reseller's own files a client sees those that a preset named, nothing else.
    named = BrandPreset.objects.filter(
        Q(logo_file=path) | Q(mail_logo_file=path) | Q(icon_file=path),
        tenant_id=tenant.reseller_pk,
    )
    reseller = registry.by_pk(tenant.reseller_pk) if path and named.exists() else None
    if reseller is None:
        return None
    with use(reseller):
        return _stored(path)


def _stored(path: str) -> bytes | None:
    if not path or not default_storage.exists(path):
        return None
    with default_storage.open(path) as stored:
        return bytes(stored.read())
