"""A Redis server for the tests of this folder, and the product pointed at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.core.redis_server.server import RedisServer, find
from tests.core.tasks.conftest import _let_the_database_be_used

__all__ = ["_let_the_database_be_used"]


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Give one server for the whole run."""
    server = find(tmp_path_factory.mktemp("redis"))
    if server is None:
        pytest.skip("redis-server is missing: install the package redis-server")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def shared_cache(redis_server: RedisServer, settings: Any) -> RedisServer:
    """Make this process's cache the shared one."""
    settings.CACHES = {
        "default": {
            "BACKEND": "tenants.redis_cache.TenantRedisCache",
            "LOCATION": redis_server.url(0),
            "KEY_FUNCTION": "tenants.cache.make_key",
            "REVERSE_KEY_FUNCTION": "tenants.cache.reverse_key",
        }
    }
    redis_server.client(0).flushdb()
    return redis_server
