"""The realtime bus on a real Redis: from process to process, one space only, after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tenants.context import use
from tests.core.realtime.sse import Stream, subscribe
from tests.core.redis_server.server import RedisServer
from tests.core.tasks.conftest import stack
from tests.core.tasks.stack import Stack, free_port
from tremplin.api import services
from tremplin.kernel.realtime import startup

__all__ = ["stack"]
pytestmark = pytest.mark.slow


@pytest.fixture
def redis_bus(redis_server: RedisServer, settings: Any) -> Iterator[RedisServer]:
    """Make this process publish through Redis."""
    settings.REALTIME_BUS = "redis"
    settings.REALTIME_REDIS_URL = redis_server.url(0)
    startup.bus.cache_clear()
    yield redis_server
    startup.bus.cache_clear()


def test_a_message_crosses_processes_within_its_space_and_a_restart_is_noticed(
    stack: Stack, redis_bus: RedisServer
) -> None:
    port = free_port()
    stack.start_web(
        port,
        application="tests.core.realtime.server:application",
        TREMPLIN_RT_BUS="redis",
        TREMPLIN_CACHE_URL=redis_bus.url(0),
    )
    streams: list[Stream] = []
    for tenant in (stack.a, stack.b):
        _, cookie = stack.person(tenant)
        streams.append(subscribe(port, tenant.primary_host, ["room.1"], cookie=cookie))
    here, there = streams

    def say(tenant: Any, html: str) -> None:
        with use(tenant):
            services.realtime().publish("room.1", html)

    say(stack.a, "<li>é</li>")
    say(stack.b, "<li>other</li>")
    assert here.wait_events(1) == [("room.1", "<li>é</li>")]
    assert there.wait_events(1) == [("room.1", "<li>other</li>")]
    redis_bus.stop()
    say(stack.a, "lost")  # never an error for the caller
    redis_bus.start()
    assert here.wait_events(2)[1:] == [("resync", "1")]
    assert there.wait_events(2)[1:] == [("resync", "1")]
    say(stack.a, "back")
    assert here.wait_events(3)[2:] == [("room.1", "back")]
    assert len(there.events) == 2
    for stream in streams:
        stream.close()
