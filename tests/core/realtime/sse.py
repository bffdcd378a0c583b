"""A small server-sent-event client over ``http.client`` for tests."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode


@dataclass(frozen=True)
class SentEvent:
    """One event as a browser would dispatch it."""

    type: str
    data: str
    id: str


@dataclass
class Stream:
    """An open stream; a thread reads it until the server ends it."""

    connection: http.client.HTTPConnection
    response: http.client.HTTPResponse
    events: list[SentEvent] = field(default_factory=list)
    retries: list[int] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    is_over: bool = False
    ended_cleanly: bool = False

    def start(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        fields: dict[str, list[str]] = {}
        try:
            while line := self.response.readline():
                text = line.decode().rstrip("\n")
                if text == "":
                    self._dispatch(fields)
                    fields = {}
                elif text.startswith(":"):
                    self.comments.append(text[1:].strip())
                else:
                    name, _, value = text.partition(": ")
                    fields.setdefault(name, []).append(value)
            self.ended_cleanly = True
        except (OSError, http.client.HTTPException, AttributeError, ValueError):
            self.ended_cleanly = False
        self.is_over = True

    def _dispatch(self, fields: dict[str, list[str]]) -> None:
        if "retry" in fields:
            self.retries.append(int(fields["retry"][0]))
        if "data" in fields:
            self.events.append(
                SentEvent(
                    fields.get("event", ["message"])[0],
                    "\n".join(fields["data"]),
                    fields.get("id", [""])[0],
                )
            )

    def wait_events(self, count: int, seconds: float = 10.0) -> list[tuple[str, str]]:
        """Return (type, data) of the events once there are ``count`` of them, or at the limit."""
        wait_until(lambda: len(self.events) >= count or self.is_over, seconds)
        return [(event.type, event.data) for event in self.events]

    def close(self) -> None:
        # The reading thread holds the buffer's lock until something arrives: hang up first.
        if self.connection.sock is not None:
            with contextlib.suppress(OSError):
                self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.connection.close()


def wait_until(done: object, seconds: float = 10.0) -> bool:
    """Poll ``done()`` every 10 ms; return whether it became true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():  # type: ignore[operator]
            return True
        time.sleep(0.01)
    return bool(done())  # type: ignore[operator]


def request(
    port: int,
    host: str,
    topics: list[str],
    *,
    cookie: str = "",
    last: str = "",
    method: str = "GET",
    headers: dict[str, str] | None = None,
) -> Stream:
    """Ask for a stream and return it with the response's head read."""
    query = [("t", topic) for topic in topics] + ([("last", last)] if last else [])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    sent = {"Host": host, **({"Cookie": cookie} if cookie else {}), **(headers or {})}
    connection.request(method, f"/_rt/?{urlencode(query)}", headers=sent)
    return Stream(connection, connection.getresponse())


def subscribe(port: int, host: str, topics: list[str], **options: object) -> Stream:
    """Open a stream that is expected to be granted and wait for its first frame."""
    stream = request(port, host, topics, **options)  # type: ignore[arg-type]
    assert stream.response.status == 200, stream.response.read()
    stream.start()
    wait_until(lambda: bool(stream.retries))
    return stream


def refusal(port: int, host: str, topics: list[str], **options: object) -> tuple[int, str]:
    """Return status and code of a stream that is expected to be refused."""
    stream = request(port, host, topics, **options)  # type: ignore[arg-type]
    body = stream.response.read().decode()
    stream.close()
    return stream.response.status, body
