"""The server: routes, authentication, idempotency, faults and the control addresses."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.support.stripe_server import forms
from tests.support.stripe_server.store import ApiError, Body, Store, answer, bad

PINNED = "2026-05-27.dahlia"
PLATFORM = "acct_000000platform"


@dataclass(slots=True)
class Request:
    """One call: typed ``params``, the ``args`` of its path and the account it speaks for."""

    method: str
    path: str
    params: Body
    args: tuple[str, ...]
    account: str
    key: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation; ``params`` names the SDK's type of its parameters."""

    method: str
    pattern: re.Pattern[str]
    params: str
    handler: Callable[[StripeServer, Request], Body]


@dataclass(slots=True)
class Faults:
    """What goes wrong next; counters run down to 0, a negative one never ends."""

    status: int = 0
    times: int = 0
    slow_seconds: float = 0.0
    drop: int = 0
    duplicate: int = 0
    wrong_signature: int = 0
    reorder: bool = False
    hold: bool = False

    def take(self, name: str) -> bool:
        """Use up one of a counter; return whether the fault applies."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left != 0


ROUTES: list[Route] = []
Page = Callable[["StripeServer", str, str, Body], "PageAnswer"]
PAGES: list[tuple[re.Pattern[str], Page]] = []


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """A page for people, or where it sends them."""

    status: int = 200
    html: str = ""
    location: str = ""


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("^" + re.sub(r"\{[a-z]+\}", r"([^/]+)", path) + "$")


def route(method: str, path: str, params: str) -> Callable[[Any], Any]:
    """Declare an operation."""

    def register(handler: Any) -> Any:
        ROUTES.append(Route(method, _pattern(path), params, handler))
        return handler

    return register


def page(path: str) -> Callable[[Any], Any]:
    """Declare a page for people."""

    def register(handler: Any) -> Any:
        PAGES.append((_pattern(path), handler))
        return handler

    return register


@dataclass(slots=True)
class Call:
    """A call as it arrived, for the tests that look."""

    method: str
    path: str
    params: Body
    account: str
    key: str
    version: str
    status: int = 0


@dataclass
class StripeServer:
    """The state of the stand-in and its threads."""

    store: Store = field(default_factory=Store)
    faults: Faults = field(default_factory=Faults)
    calls: list[Call] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    offset: int = 0
    lock: Any = field(default_factory=threading.RLock)
    url: str = ""

    def __post_init__(self) -> None:
        from tests.support.stripe_server import (
            billing,
            catalog,
            clock,
            connect,
            customers,
            invoices,
            pages,
            payments,
            webhooks,
        )

        self.modules = (billing, catalog, clock, connect, customers, invoices, pages, payments)
        self.deliveries = webhooks.Deliveries(self)
        self._kept: dict[tuple[str, str], tuple[str, int, Body]] = {}
        self._requests = 0

    def start(self) -> StripeServer:
        """Listen on a free port of the loopback address."""
        handler = type("Handler", (_Handler,), {"server_state": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.deliveries.start()
        return self

    def stop(self) -> None:
        """Stop both threads."""
        self.deliveries.stop()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def reset(self) -> None:
        """Forget everything."""
        with self.lock:
            self.deliveries.flush()
            self.store, self.faults = Store(), Faults()
            self.calls, self.problems, self.offset = [], [], 0
            self._kept = {}
            self.deliveries.reset()

    def now(self) -> int:
        """Return the time of what has no test clock, in seconds."""
        return int(time.time()) + self.offset

    def send(self) -> None:
        """Hand over the events of what has just succeeded."""
        waiting, self.store.outbox = self.store.outbox, []
        for endpoint, event in waiting:
            self.deliveries.add(endpoint, event)

    # --- one call -------------------------------------------------------------------------------

    def handle(self, method: str, target: str, headers: Any, body: str) -> tuple[int, Body, Body]:
        """Answer one API call: status, headers and JSON."""
        self._requests += 1
        extra: Body = {"Request-Id": f"req_{self._requests:014d}"}
        parts = urlsplit(target)
        account = headers.get("Stripe-Account", "").replace(PLATFORM, "")
        version = headers.get("Stripe-Version", "")
        key = headers.get("Idempotency-Key", "")
        text = body if method == "POST" else parts.query
        call = Call(method, parts.path, {}, account, key, version)
        try:
            if self.faults.status and self.faults.take("times"):
                call.status = self.faults.status
                raise ApiError(self.faults.status, "api_error", "The service is not available.")
            self._authenticate(headers)
            with self.lock:
                status, found = self._once(call, text, extra)
                self.send()
        except ApiError as error:
            status, found = error.status, {"error": error.body}
        except forms.BadParameter as error:
            self.problems.append(f"{method} {parts.path}: {error}")
            message = {"type": "invalid_request_error", "message": str(error)}
            status, found = 400, {"error": {**message, "param": error.param, "code": error.code}}
        call.status = status
        self.calls.append(call)
        return status, extra, found

    def _authenticate(self, headers: Any) -> None:
        given = headers.get("Authorization", "")
        kind, _, value = given.partition(" ")
        if kind == "Basic":
            value = base64.b64decode(value).decode().partition(":")[0]
        if not re.fullmatch(r"(sk|rk)_test_[A-Za-z0-9]{24,}", value):
            raise ApiError(
                401, "invalid_request_error", "Invalid API Key provided.", code="api_key_invalid"
            )

    def _once(self, call: Call, text: str, extra: Body) -> tuple[int, Body]:
        """Answer once per idempotency key; the answers of faults are not kept."""
        if call.account and call.account not in self.store.rows[""]:
            raise ApiError(403, "invalid_request_error", "No such account.", code="account_invalid")
        if call.version != PINNED:
            self.problems.append(f"{call.method} {call.path}: version {call.version!r}")
        known = (call.account, call.key)
        digest = hashlib.sha256(f"{call.method} {call.path}?{text}".encode()).hexdigest()
        if call.method == "POST" and call.key and known in self._kept:
            former, status, body = self._kept[known]
            if former != digest:
                raise ApiError(
                    400,
                    "idempotency_error",
                    "Keys for idempotent requests can only be used with the same parameters "
                    "they were first used with.",
                )
            extra["Idempotent-Replayed"] = "true"
            return status, body
        try:
            status, body = 200, self._run(call, text)
        except ApiError as error:
            status, body = error.status, {"error": error.body}
        if call.method == "POST" and call.key and status < 500:
            self._kept[known] = (digest, status, body)
        return status, body

    def _run(self, call: Call, text: str) -> Body:
        for found in ROUTES:
            match = found.pattern.match(call.path)
            if match is None or found.method != call.method:
                continue
            params = forms.check(found.params, forms.decode(text))
            call.params = params
            expand = params.pop("expand", [])
            request = Request(
                call.method,
                call.path,
                params,
                match.groups(),
                call.account,
                call.key,
                call.version,
            )
            return answer(self.store, call.account, found.handler(self, request), expand)
        self.problems.append(f"no route for {call.method} {call.path}")
        raise ApiError(
            404,
            "invalid_request_error",
            f"The stand-in has no route for {call.method} {call.path}: "
            "add it to tests/support/stripe_server.",
        )

    # --- pages and control ----------------------------------------------------------------------

    def show(self, method: str, target: str, body: str) -> PageAnswer:
        """Answer a page for people."""
        parts = urlsplit(target)
        form = forms.decode(body if method == "POST" else parts.query)
        for pattern, handler in PAGES:
            match = pattern.match(parts.path)
            if match is not None:
                with self.lock:
                    try:
                        found = handler(self, method, match.group(1), form)
                        self.send()
                        return found
                    except ApiError as error:
                        return PageAnswer(error.status, f"<p role=alert>{error}</p>")
        return PageAnswer(404, "<p>No such page.</p>")

    def control(self, path: str, body: str) -> Body:
        """Answer the control addresses, outside ``/v1``."""
        if path == "/_fake/flush":
            return {"sent": self.deliveries.flush()}
        if path == "/_fake/deliveries":
            return {"data": [item.as_json() for item in self.deliveries.done]}
        if path == "/_fake/reset":
            self.reset()
            return {}
        if path == "/_fake/faults":
            for name, value in json.loads(body or "{}").items():
                if name not in Faults.__slots__:
                    raise bad(f"unknown fault {name}")
                setattr(self.faults, name, value)
            return {}
        raise ApiError(404, "invalid_request_error", f"no control address {path}")


class _Handler(BaseHTTPRequestHandler):
    server_state: StripeServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def _answer(self) -> None:
        state = self.server_state
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size).decode() if size else ""
        if state.faults.slow_seconds:
            time.sleep(state.faults.slow_seconds)
        path = urlsplit(self.path).path
        if path.startswith("/v1/"):
            self._json(*state.handle(self.command, self.path, self.headers, body))
        elif path.startswith("/_fake/"):
            try:
                self._json(200, {}, state.control(path, body))
            except ApiError as error:
                self._json(error.status, {}, {"error": error.body})
        else:
            self._page(state.show(self.command, self.path, body))

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815

    def _json(self, status: int, headers: Body, body: Body) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _page(self, found: PageAnswer) -> None:
        data = found.html.encode()
        self.send_response(303 if found.location else found.status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        if found.location:
            self.send_header("Location", found.location)
        self.end_headers()
        self.wfile.write(data)
