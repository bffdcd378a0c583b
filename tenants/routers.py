"""Which schema migrates which application, and the guard on writes to shared tables."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django_tenants.routers import TenantSyncRouter

from tenants.context import write_reason
from tenants.errors import PublicWriteRefused
from tremplin.kernel.current import current_tenant

FREE_LABELS = frozenset({"contenttypes"})


def _labels(names: list[str]) -> frozenset[str]:
    wanted = set(names)
    return frozenset(
        config.label
        for config in apps.get_app_configs()
        if config.name in wanted
        or f"{config.__class__.__module__}.{config.__class__.__qualname__}" in wanted
    )


@lru_cache(maxsize=1)
def shared_labels() -> frozenset[str]:
    """Return the labels of ``SHARED_APPS`` (labels, as an entry may differ from its label)."""
    return _labels(settings.SHARED_APPS)


@lru_cache(maxsize=1)
def tenant_labels() -> frozenset[str]:
    """Return the labels of ``TENANT_APPS``."""
    return _labels(settings.TENANT_APPS)


class TenancyRouter(TenantSyncRouter):  # type: ignore[misc]
    """Shared applications live in ``public``, the others in every tenant schema."""

    def allow_migrate(
        self, db: str, app_label: str, model_name: str | None = None, **hints: Any
    ) -> bool | None:
        labels = shared_labels() if current_tenant.get() is None else tenant_labels()
        return None if app_label in labels else False

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        """Refuse a write to a shared model outside ``public_write``."""
        label = model._meta.app_label
        if label in shared_labels() and label not in FREE_LABELS and not write_reason():
            raise PublicWriteRefused(
                f"{model._meta.label} is a shared model: write it inside public_write(reason)"
            )
        return None
