"""How messages reach every process: PostgreSQL NOTIFY, Redis, or the memory of one process."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from typing import Any, Protocol

from tremplin.kernel.realtime.envelope import CHANNEL
from tremplin.kernel.realtime.hub import Hub

logger = logging.getLogger(__name__)

_FIRST_DELAY, _LONGEST_DELAY = 0.2, 5.0
_WAIT_SECONDS = 2.0  # for a Redis server to accept a connection or a message
_SILENCE_SECONDS = 15.0  # before a Redis server is asked whether it is still there


class Bus(Protocol):
    """One way to carry envelopes."""

    async def feed(self, hub: Hub) -> None:
        """Hand every envelope to ``hub``, for ever; reconnect when needed."""
        ...

    def publish(self, payload: str) -> None:
        """Send one envelope; called from any thread, outside transactions."""
        ...


async def _for_ever(hub: Hub, listen: Any, name: str) -> None:
    """Run ``listen(connected)`` again and again with back-off; ``connected`` resets the delay."""
    delay, is_first = _FIRST_DELAY, True

    def connected() -> None:
        nonlocal delay, is_first
        delay = _FIRST_DELAY
        if not is_first:
            hub.reconnected()
        is_first = False

    while True:
        try:
            await listen(connected)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  each driver has its own errors; all mean "again"
            logger.warning("realtime %s listener lost: %s", name, type(error).__name__)
            is_first = False  # messages may have been missed even before the first success
        await asyncio.sleep(delay * random.uniform(0.8, 1.2))  # noqa: S311
        delay = min(_LONGEST_DELAY, delay * 2)


class PostgresBus:
    """LISTEN on a dedicated direct connection; NOTIFY through Django's connection."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def feed(self, hub: Hub) -> None:
        """Listen for ever."""
        import psycopg

        async def listen(connected: Any) -> None:
            connection = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, application_name="tremplin-rt", connect_timeout=5
            )
            async with connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                connected()
                async for notice in connection.notifies():
                    hub.receive(notice.payload)
            raise ConnectionError("the server closed the listening connection")

        await _for_ever(hub, listen, "postgres")

    def publish(self, payload: str) -> None:
        """Notify in one statement of its own."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])


class RedisBus:
    """Publish and subscribe on a Redis server, above about 200 messages a second."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = None
        self._lock = threading.Lock()

    async def feed(self, hub: Hub) -> None:
        """Listen for ever."""
        from redis import asyncio as redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        async def listen(connected: Any) -> None:
            # No retry of the client's own: it would subscribe again in silence, and readers would
            # never learn that they missed messages.
            client = redis.from_url(
                self._url, socket_connect_timeout=_WAIT_SECONDS, retry=Retry(NoBackoff(), 0)
            )
            async with client, client.pubsub() as channel:
                await channel.subscribe(CHANNEL)
                await _receive(channel, hub, connected)

        await _for_ever(hub, listen, "redis")

    def publish(self, payload: str) -> None:
        """Publish through a connection shared by the process's threads."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        with self._lock:
            if self._client is None:
                self._client = redis.Redis.from_url(
                    self._url,
                    socket_connect_timeout=_WAIT_SECONDS,
                    socket_timeout=_WAIT_SECONDS,
                    retry=Retry(NoBackoff(), 1),
                )
        self._client.publish(CHANNEL, payload.encode())


async def _receive(channel: Any, hub: Hub, connected: Any) -> None:
    """Hand every notice of a subscription to ``hub``; raise when the server is gone or silent."""
    is_asked = False
    while True:
        notice = await channel.get_message(timeout=_SILENCE_SECONDS)
        if notice is None:
            if is_asked:
                raise ConnectionError("the server does not answer")
            # A connection cut in between looks like a quiet one until somebody speaks.
            await channel.ping()
            is_asked = True
            continue
        is_asked = False
        if notice["type"] == "subscribe":
            connected()
        elif notice["type"] == "message":
            hub.receive(notice["data"].decode("utf-8", "replace"))


class MemoryBus:
    """One process only: tests, and a machine without workers."""

    def __init__(self) -> None:
        self._fed: set[tuple[asyncio.AbstractEventLoop, Hub]] = set()
        self.published: list[str] = []

    async def feed(self, hub: Hub) -> None:
        """Stay subscribed until cancelled."""
        entry = (asyncio.get_running_loop(), hub)
        self._fed.add(entry)
        try:
            await asyncio.Event().wait()
        finally:
            self._fed.discard(entry)

    def publish(self, payload: str) -> None:
        """Hand the envelope to every hub of this process and remember it."""
        self.published.append(payload)
        for loop, hub in tuple(self._fed):
            loop.call_soon_threadsafe(hub.receive, payload)
