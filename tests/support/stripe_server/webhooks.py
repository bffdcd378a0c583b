"""Events and their delivery: endpoints with secrets, signatures, retries and faults."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.support.stripe_server.http import PINNED, Request, route
from tests.support.stripe_server.store import Body, bad, listing, merge_metadata, plain, shown

if TYPE_CHECKING:
    from tests.support.stripe_server.http import StripeServer

ATTEMPTS = 4


@dataclass(slots=True)
class Delivery:
    """One attempt to send an event to an endpoint; ``status`` 0 means nobody answered."""

    event: str
    kind: str
    url: str
    attempt: int
    status: int = 0

    def as_json(self) -> Body:
        """Return the attempt as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


class Deliveries:
    """The thread that sends events; ``flush`` waits until nothing is left."""

    def __init__(self, server: StripeServer) -> None:
        self.server = server
        self.done: list[Delivery] = []
        self.held: list[tuple[str, Body]] = []
        self._queue: list[tuple[str, Body, int]] = []
        self._busy = 0
        self._changed = threading.Condition()
        self._stopping = False
        self.retry_seconds = 0.05

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(5)

    def reset(self) -> None:
        """Forget what was sent and what waits."""
        with self._changed:
            self.done, self.held, self._queue = [], [], []

    def add(self, endpoint: str, event: Body) -> None:
        """Queue an event for an endpoint, as the faults say."""
        faults = self.server.faults
        if faults.hold:
            self.held.append((endpoint, event))
            return
        if faults.take("drop"):
            return
        with self._changed:
            copies = 2 if faults.take("duplicate") else 1
            for _ in range(copies):
                item = (endpoint, event, 1)
                self._queue.insert(0, item) if faults.reorder else self._queue.append(item)
            self._changed.notify_all()

    def release(self, *, backwards: bool = False) -> int:
        """Send what was held back, perhaps in the opposite order."""
        self.server.faults.hold = False
        kept, self.held = self.held, []
        for endpoint, event in reversed(kept) if backwards else kept:
            self.add(endpoint, event)
        return len(kept)

    def flush(self, seconds: float = 30.0) -> int:
        """Wait until everything was sent. Raises ``TimeoutError``."""
        end = time.monotonic() + seconds
        with self._changed:
            while self._queue or self._busy:
                if not self._changed.wait(max(end - time.monotonic(), 0)):
                    raise TimeoutError("webhooks are still on their way")
            return len(self.done)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._stopping:
                    self._changed.wait()
                if self._stopping:
                    return
                endpoint, event, attempt = self._queue.pop(0)
                self._busy += 1
            try:
                self._send(endpoint, event, attempt)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _send(self, endpoint: str, event: Body, attempt: int) -> None:
        row = self.server.store.rows[""].get(endpoint)
        if row is None:
            return
        secret = row["_secret"]
        if self.server.faults.take("wrong_signature"):
            secret = "whsec_wrong"  # noqa: S105
        body = json.dumps(plain(event)).encode()
        made = Delivery(event["id"], event["type"], row["url"], attempt)
        made.status = post(row["url"], body, signature(body, secret, int(time.time())))
        with self._changed:
            self.done.append(made)
        if 200 <= made.status < 300:
            with self.server.lock:
                event["pending_webhooks"] = max(event["pending_webhooks"] - 1, 0)
        elif attempt < ATTEMPTS and made.status != 400:
            time.sleep(self.retry_seconds * attempt)
            with self._changed:
                self._queue.append((endpoint, event, attempt + 1))


def signature(body: bytes, secret: str, at: int) -> str:
    """Return the header ``Stripe-Signature`` of a body sent at ``at`` (seconds)."""
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={made}"


def post(url: str, body: bytes, header: str) -> int:
    """Send one webhook to a loopback address, whatever its name; 0 when nobody answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=20)
    try:
        connection.putrequest("POST", parts.path, skip_host=True)
        connection.putheader("Host", parts.netloc)
        connection.putheader("Content-Type", "application/json; charset=utf-8")
        connection.putheader("Content-Length", str(len(body)))
        if header:
            connection.putheader("Stripe-Signature", header)
        connection.endheaders(body)
        response = connection.getresponse()
        response.read()
        return response.status
    except (TimeoutError, OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def emit(server: StripeServer, account: str, kind: str, body: Body, *, at: int = 0) -> Body:
    """Record an event about an object and queue it for the endpoints that asked for it."""
    event = {
        "id": server.store.new_id("evt"),
        "object": "event",
        "api_version": PINNED,
        "created": at or server.now(),
        "data": {"object": shown(server.store, account, body)},
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    if account:
        event["account"] = account
    for row in server.store.find("", "webhook_endpoint"):
        wanted = row["enabled_events"]
        if row["_connect"] == bool(account) and ("*" in wanted or kind in wanted):
            if row["status"] == "enabled":
                event["pending_webhooks"] += 1
                server.store.outbox.append((row["id"], event))
    server.store.put(account, event)
    return event


@route("GET", "/v1/events", "event_list")
def list_events(server: StripeServer, request: Request) -> Body:
    kinds = request.params.get("types") or (
        [request.params["type"]] if request.params.get("type") else []
    )
    rows = server.store.find(request.account, "event")
    return listing(
        [row for row in rows if not kinds or row["type"] in kinds], request.params, request.path
    )


@route("GET", "/v1/events/{id}", "event_retrieve")
def get_event(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "event")


@route("POST", "/v1/webhook_endpoints", "webhook_endpoint_create")
def create_endpoint(server: StripeServer, request: Request) -> Body:
    params = request.params
    if urlsplit(params["url"]).scheme not in {"http", "https"}:
        raise bad("Invalid URL", "url", "url_invalid")
    secret = f"whsec_{secrets.token_hex(16)}"
    made = server.store.put(
        "",
        {
            "id": server.store.new_id("we"),
            "object": "webhook_endpoint",
            "api_version": params.get("api_version"),
            "application": None,
            "created": server.now(),
            "description": params.get("description") or None,
            "enabled_events": params["enabled_events"],
            "livemode": False,
            "metadata": params.get("metadata") or {},
            "status": "enabled",
            "url": params["url"],
            "_secret": secret,
            "_connect": params.get("connect", False),
        },
    )
    return {**made, "secret": secret}


@route("GET", "/v1/webhook_endpoints", "webhook_endpoint_list")
def list_endpoints(server: StripeServer, request: Request) -> Body:
    return listing(server.store.find("", "webhook_endpoint"), request.params, request.path)


@route("GET", "/v1/webhook_endpoints/{id}", "webhook_endpoint_retrieve")
def get_endpoint(server: StripeServer, request: Request) -> Body:
    return server.store.get("", request.args[0], "webhook_endpoint")


@route("POST", "/v1/webhook_endpoints/{id}", "webhook_endpoint_update")
def update_endpoint(server: StripeServer, request: Request) -> Body:
    row = server.store.get("", request.args[0], "webhook_endpoint")
    params = dict(request.params)
    merge_metadata(row, params.pop("metadata", None))
    if "disabled" in params:
        row["status"] = "disabled" if params.pop("disabled") else "enabled"
    row |= params
    return row


@route("DELETE", "/v1/webhook_endpoints/{id}", "webhook_endpoint_delete")
def delete_endpoint(server: StripeServer, request: Request) -> Body:
    row: Any = server.store.get("", request.args[0], "webhook_endpoint")
    server.store.drop(row)
    return {"id": row["id"], "object": "webhook_endpoint", "deleted": True}
