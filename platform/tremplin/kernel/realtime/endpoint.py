"""``GET /_rt/``: one server-sent-event stream per page, refused unless every topic is allowed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from tremplin.kernel.addresses import client_address
from tremplin.kernel.realtime.envelope import frame, is_topic
from tremplin.kernel.realtime.hub import RESYNC, Client, Hub, Reader

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

AUTHORISE_SECONDS = 5.0
_AUTHORISE_THREADS = 2  # so that streams cost at most two database connections
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser asks for, before anything is trusted."""

    host: str
    cookies: str
    address: str
    topics: tuple[str, ...]


class Denied(Exception):
    """The authorisation function refuses: HTTP ``status`` and a stable ``code``."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


Authorise = Callable[[Asked], Reader]


class Endpoint:
    """The ASGI application of the hub.

    ``authorise`` runs in a thread: it returns the reader when every topic is allowed to it, and
    raises ``Denied`` otherwise.
    """

    def __init__(self, hub: Hub, authorise: Authorise) -> None:
        self._hub = hub
        self._authorise = authorise
        self._threads = ThreadPoolExecutor(_AUTHORISE_THREADS, thread_name_prefix="rt-auth")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = _headers(scope)
        try:
            asked, cursor = self._asked(scope, headers)
            reader = await self._reader(asked)
            if refusal := self._hub.refusal(reader):
                raise Denied(503, refusal)
        except Denied as denied:
            await _refuse(send, denied)
            return
        # Between the check of the limits and this line nothing is awaited.
        client = self._hub.connect(reader, asked.topics, cursor)
        try:
            await self._stream(client, receive, send)
        finally:
            self._hub.disconnect(client)

    def _asked(self, scope: Scope, headers: dict[bytes, str]) -> tuple[Asked, str]:
        if scope["method"] != "GET":
            raise Denied(405, "method_not_allowed")
        if scope["path"] != "/_rt/":
            raise Denied(404, "not_found")
        # Sibling tenants are same-site, so their pages could send our cookie: this is the barrier.
        if headers.get(b"sec-fetch-site", "none") not in {"same-origin", "none"}:
            raise Denied(403, "cross_site")
        try:
            query = parse_qs(scope["query_string"].decode("ascii"), max_num_fields=50)
        except (ValueError, UnicodeDecodeError):
            raise Denied(400, "bad_query") from None
        topics = tuple(dict.fromkeys(query.get("t", [])))
        if not topics or not all(is_topic(topic) for topic in topics):
            raise Denied(400, "bad_topic")
        if len(topics) > self._hub.limits.topics_per_stream:
            raise Denied(503, "too_many_topics")
        cursor = headers.get(b"last-event-id") or query.get("last", [""])[-1]
        peer = scope["client"][0] if scope.get("client") else ""
        try:
            address = client_address(peer, headers.get(b"x-forwarded-for", ""))
        except ValueError:
            raise Denied(400, "bad_address") from None
        asked = Asked(headers.get(b"host", ""), headers.get(b"cookie", ""), address, topics)
        return asked, cursor[:64]

    async def _reader(self, asked: Asked) -> Reader:
        if self._hub.is_closing:
            raise Denied(503, "closing")
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, self._authorise, asked)
        try:
            return await asyncio.wait_for(work, AUTHORISE_SECONDS)
        except TimeoutError:
            raise Denied(503, "busy") from None
        except Denied:
            raise
        except Exception:
            logger.exception("authorisation of a stream failed")
            raise Denied(503, "unavailable") from None

    async def _stream(self, client: Client, receive: Receive, send: Send) -> None:
        limits = self._hub.limits
        lifetime = limits.max_age_seconds * random.uniform(0.8, 1.2)  # noqa: S311  spreads load
        end = time.monotonic() + lifetime
        await send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
        await _write(send, f"retry: {random.randint(1500, 4000)}\n\n".encode())  # noqa: S311
        gone = asyncio.ensure_future(_until_gone(receive))
        gone.add_done_callback(lambda _: client.wake.set())
        try:
            while not (client.is_over or gone.done() or time.monotonic() >= end):
                client.wake.clear()
                if client.is_lost:
                    client.is_lost = False
                    client.queue.clear()
                    newest = self._hub.newest(client.reader.schema)
                    await _write(send, frame(RESYNC, "1", newest))
                elif client.queue:
                    data = b"".join(client.queue)
                    client.queue.clear()
                    await _write(send, data)
                else:
                    await self._wait(client, send, min(limits.ping_seconds, end - time.monotonic()))
            if not gone.done():
                goodbye = f"retry: {random.randint(500, 3000)}\n\n".encode()  # noqa: S311
                await send({"type": "http.response.body", "body": goodbye, "more_body": False})
        finally:
            gone.cancel()

    async def _wait(self, client: Client, send: Send, seconds: float) -> None:
        try:
            await asyncio.wait_for(client.wake.wait(), max(0.0, seconds))
        except TimeoutError:
            await _write(send, b": ping\n\n")


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _refuse(send: Send, denied: Denied) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if denied.status == 503:
        headers.append((b"retry-after", b"5"))
    if denied.status == 405:
        headers.append((b"allow", b"GET"))
    with contextlib.suppress(OSError):
        await send({"type": "http.response.start", "status": denied.status, "headers": headers})
        await send({"type": "http.response.body", "body": denied.code.encode(), "more_body": False})


def _headers(scope: Scope) -> dict[bytes, str]:
    """Return the first value of each header; those that may be repeated are joined."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        text = value.decode("latin-1")
        if name == b"cookie" and name in found:
            found[name] += f"; {text}"
        elif name == b"x-forwarded-for" and name in found:
            found[name] += f", {text}"
        else:
            found.setdefault(name, text)
    return found
