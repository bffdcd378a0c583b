"""The cache shared by every process: Redis, with short waits and one kind of error."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import redis
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.retry import Retry

from tremplin.kernel.cache import CacheUnavailable

WAIT_SECONDS = 2.0
_SCAN_COUNT = 1000


def _translated(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except redis.RedisError as error:
            raise CacheUnavailable(type(error).__name__) from error

    return call


class TenantRedisCache(RedisCache):
    """Django's Redis cache for pages that must never hang on it.

    A server that does not answer within two seconds raises ``CacheUnavailable``. One retry, at
    once: a restarted server costs no page an error, and no page waits for a dead one.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        waits = {
            "socket_connect_timeout": WAIT_SECONDS,
            "socket_timeout": WAIT_SECONDS,
            "retry": Retry(NoBackoff(), 1),
        }
        options = {**waits, **params.get("OPTIONS", {})}
        super().__init__(server, {**params, "OPTIONS": options})

    add = _translated(RedisCache.add)
    get = _translated(RedisCache.get)
    set = _translated(RedisCache.set)
    touch = _translated(RedisCache.touch)
    delete = _translated(RedisCache.delete)
    get_many = _translated(RedisCache.get_many)
    has_key = _translated(RedisCache.has_key)
    incr = _translated(RedisCache.incr)
    set_many = _translated(RedisCache.set_many)
    delete_many = _translated(RedisCache.delete_many)
    clear = _translated(RedisCache.clear)

    @_translated
    def delete_pattern(self, pattern: str) -> int:
        """Delete the current tenant's keys that match a glob ``pattern``; return how many."""
        client = self._cache.get_client(None, write=True)
        found = client.scan_iter(match=self.make_key(pattern), count=_SCAN_COUNT)
        deleted, batch = 0, []
        for key in found:
            batch.append(key)
            if len(batch) == _SCAN_COUNT:
                deleted += client.unlink(*batch)
                batch = []
        return deleted + (client.unlink(*batch) if batch else 0)
