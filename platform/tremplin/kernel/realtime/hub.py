"""The hub: who listens to what, what was said lately, and what each reader must be sent.

Everything here runs on one event loop and never touches the database. A reader that cannot be
served exactly is told to ``resync``: it reads its content again.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tremplin.kernel.realtime.envelope import (
    EVERYONE,
    KICK,
    Message,
    decode,
    frame,
    milliseconds,
)

RESYNC = "resync"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the hub; times are in seconds."""

    topics_per_stream: int = 10
    streams_per_session: int = 6
    streams_per_tenant: int = 2000
    streams_per_process: int = 8000
    queue: int = 64
    ring: int = 500
    ring_seconds: float = 300.0
    ping_seconds: float = 20.0
    max_age_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose stream it is: the tenant's schema, the person ('' anonymous) and the session."""

    schema: str
    person: str
    session: str


@dataclass(slots=True, eq=False)
class Client:
    """One open stream."""

    reader: Reader
    topics: frozenset[str]
    queue: deque[bytes] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    is_lost: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class _Said:
    id: str
    at: float
    milliseconds: int
    topic: str
    frame: bytes


class _Ring:
    """The latest messages of one schema; ``evicted_ms`` is the age of the newest one dropped."""

    def __init__(self, since_ms: int, limits: Limits) -> None:
        self._limits = limits
        self.said: deque[_Said] = deque()
        self.evicted_ms = since_ms

    def add(self, entry: _Said) -> None:
        self.said.append(entry)
        oldest = entry.at - self._limits.ring_seconds
        while len(self.said) > self._limits.ring or self.said[0].at < oldest:
            self.evicted_ms = max(self.evicted_ms, self.said.popleft().milliseconds)


class Hub:
    """Keeps the clients and the rings of one process."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.is_closing = False
        self.clients: set[Client] = set()
        self._by_topic: defaultdict[tuple[str, str], set[Client]] = defaultdict(set)
        self._by_session: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._by_schema: defaultdict[str, int] = defaultdict(int)
        self._rings: dict[str, _Ring] = {}
        self._blind_until_ms = _now_ms()

    # --- bus side -------------------------------------------------------------------------------

    def receive(self, payload: str) -> None:
        """Take one envelope from the bus; what is not one is ignored."""
        message = decode(payload)
        if message is None:
            return
        if message.topic == KICK:
            self._kick(message)
            return
        said = _Said(
            message.id,
            time.monotonic(),
            milliseconds(message.id),
            message.topic,
            frame(message.topic, message.data, message.id),
        )
        self._ring(message.schema).add(said)
        for client in self._by_topic.get((message.schema, message.topic), ()):
            self._push(client, said.frame)

    def reconnected(self) -> None:
        """Messages may have been missed: forget the rings and let every reader resync."""
        self._rings.clear()
        self._blind_until_ms = _now_ms()
        for client in self.clients:
            self._lose(client)

    def close_all(self) -> None:
        """End every stream cleanly and refuse new ones (shutdown)."""
        self.is_closing = True
        for client in self.clients:
            client.is_over = True
            client.wake.set()

    def _ring(self, schema: str) -> _Ring:
        ring = self._rings.get(schema)
        if ring is None:
            ring = self._rings[schema] = _Ring(self._blind_until_ms, self.limits)
        return ring

    def _kick(self, message: Message) -> None:
        for client in self.clients:
            reader = client.reader
            if reader.schema == message.schema and message.data in (EVERYONE, reader.person):
                client.is_over = True
                client.wake.set()

    def _push(self, client: Client, data: bytes) -> None:
        if client.is_lost:
            return
        if len(client.queue) >= self.limits.queue:
            self._lose(client)
            return
        client.queue.append(data)
        client.wake.set()

    def _lose(self, client: Client) -> None:
        client.queue.clear()
        client.is_lost = True
        client.wake.set()

    # --- reader side ----------------------------------------------------------------------------

    def refusal(self, reader: Reader) -> str:
        """Return which limit forbids one more stream for ``reader`` ('' when none does)."""
        if self.is_closing:
            return "closing"
        if len(self.clients) >= self.limits.streams_per_process:
            return "process_full"
        if self._by_schema.get(reader.schema, 0) >= self.limits.streams_per_tenant:
            return "tenant_full"
        held = self._by_session.get((reader.schema, reader.session), 0)
        if held >= self.limits.streams_per_session:
            return "session_full"
        return ""

    def connect(self, reader: Reader, topics: Iterable[str], cursor: str) -> Client:
        """Register a stream and queue what it missed since ``cursor``.

        ``cursor`` is a message id, ``@<unix ms>`` or '' (nothing was missed). Registration comes
        first and nothing is awaited in between, so no message falls through.
        """
        client = Client(reader, frozenset(topics))
        self.clients.add(client)
        self._by_session[reader.schema, reader.session] += 1
        self._by_schema[reader.schema] += 1
        for topic in client.topics:
            self._by_topic[reader.schema, topic].add(client)
        missed = self._missed(reader.schema, client.topics, cursor)
        if missed is None or len(missed) > self.limits.queue:
            client.is_lost = True
        else:
            client.queue.extend(missed)
        return client

    def disconnect(self, client: Client) -> None:
        """Forget a stream."""
        if client not in self.clients:
            return
        self.clients.discard(client)
        reader = client.reader
        _less(self._by_session, (reader.schema, reader.session))
        _less(self._by_schema, reader.schema)
        for topic in client.topics:
            found = self._by_topic[reader.schema, topic]
            found.discard(client)
            if not found:
                del self._by_topic[reader.schema, topic]

    def newest(self, schema: str) -> str:
        """Return the id of the last message of a schema ('' when none is remembered)."""
        ring = self._rings.get(schema)
        return ring.said[-1].id if ring is not None and ring.said else ""

    def _missed(self, schema: str, topics: frozenset[str], cursor: str) -> list[bytes] | None:
        """Return the frames after ``cursor``; None when they are no longer all known."""
        if not cursor:
            return []
        ring = self._rings.get(schema)
        said = list(ring.said) if ring is not None else []
        if cursor.startswith("@"):
            try:
                since = int(cursor[1:])
            except ValueError:
                return None
            if since < (ring.evicted_ms if ring is not None else self._blind_until_ms):
                return None
            return [e.frame for e in said if e.milliseconds >= since and e.topic in topics]
        for index, entry in enumerate(said):
            if entry.id == cursor:
                return [e.frame for e in said[index + 1 :] if e.topic in topics]
        return None


def _less(counts: defaultdict[Any, int], key: Any) -> None:
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
