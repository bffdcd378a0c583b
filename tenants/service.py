"""The service ``tenancy``: how layers below tenancy reach it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID


class TenancyService:
    """Implements ``tremplin.api.services.Tenancy`` over the registry and the context."""

    def use(self, tenant: Any) -> AbstractContextManager[None]:
        from tenants import context

        return context.use(tenant)

    def public(self) -> AbstractContextManager[None]:
        from tenants import context

        return context.public()

    def public_write(self, reason: str) -> AbstractContextManager[None]:
        from tenants import context

        return context.public_write(reason)

    def by_uuid(self, tenant: UUID) -> Any | None:
        from tenants import registry

        return registry.by_uuid(tenant)

    def by_pk(self, pk: int) -> Any | None:
        from tenants import registry

        return registry.by_pk(pk)

    def by_host(self, host: str) -> Any | None:
        from tenants import registry

        return registry.by_host(host)

    def active(self) -> list[Any]:
        from tenants import registry

        return list(registry.active())

    def absolute_url(self, tenant: Any, path: str) -> str:
        from tenants import registry

        return registry.absolute_url(tenant, path)

    def bump(self) -> None:
        """Tell every process, on commit, that registry or activation data changed."""
        from tenants import registry

        registry.bump_epoch()

    def epoch(self) -> int:
        from tenants import registry

        return registry.epoch()


service = TenancyService()
