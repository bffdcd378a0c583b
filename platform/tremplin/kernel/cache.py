"""The cache of the current tenant: the only door to Django's cache outside ``tenants``."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache

from tremplin.kernel.current import tenant_required


class CacheUnavailable(Exception):  # noqa: N818  a state of the platform, not a mistake of the caller
    """The shared cache does not answer.

    Whoever counts limits in it lets this through, and the reader gets a 503: a limit that cannot
    be counted is not a limit. Whoever only saves work with it goes on without.
    """


class TenantCache:
    """The service ``cache``: every key belongs to the current tenant (the key function adds it).

    Every call raises ``NoTenant`` outside a tenant and ``CacheUnavailable`` when the shared cache
    does not answer.
    """

    def get(self, key: str, default: Any = None) -> Any:
        tenant_required()
        return cache.get(key, default)

    def set(self, key: str, value: Any, timeout: int) -> None:
        """Keep ``value`` for ``timeout`` seconds."""
        tenant_required()
        cache.set(key, value, timeout)

    def add(self, key: str, value: Any, timeout: int) -> bool:
        """Keep ``value`` unless the key exists; tell whether it was kept."""
        tenant_required()
        return bool(cache.add(key, value, timeout))

    def incr(self, key: str) -> int:
        """Add one to a number and return it; raise ``ValueError`` when the key is gone."""
        tenant_required()
        return int(cache.incr(key))

    def delete(self, key: str) -> None:
        tenant_required()
        cache.delete(key)


def probe() -> None:
    """Ask the cache one question. Raises ``CacheUnavailable`` when it does not answer."""
    cache.get("health")
