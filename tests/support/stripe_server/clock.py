"""Time: one clock for customers without test clock, and test clocks that are moved ahead."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.support.stripe_server.http import Request, route
from tests.support.stripe_server.store import Body, bad, listing

if TYPE_CHECKING:
    from tests.support.stripe_server.http import StripeServer


def of(server: StripeServer, account: str, key: str | None) -> int:
    """Return the time of a test clock in seconds, or the common time."""
    if not key:
        return server.now()
    return int(server.store.get(account, key, "test_helpers.test_clock")["frozen_time"])


def add(start: int, interval: str, count: int) -> int:
    """Return ``start`` and ``count`` intervals: a month that is too short ends on its last day."""
    if interval in {"day", "week"}:
        return start + count * (86_400 if interval == "day" else 7 * 86_400)
    moment = datetime.fromtimestamp(start, UTC)
    months = moment.month - 1 + count * (12 if interval == "year" else 1)
    year, month = moment.year + months // 12, months % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return int(moment.replace(year=year, month=month, day=day).timestamp())


def advance(server: StripeServer, account: str, key: str | None, until: int) -> None:
    """Let everything happen that is due up to ``until``, in the order of time."""
    from tests.support.stripe_server import billing

    while True:
        due = billing.due(server, account, key, until)
        if due is None:
            return
        at, what = due
        if key:
            server.store.get(account, key)["frozen_time"] = at
        what(at)


def move_common(server: StripeServer, seconds: int) -> None:
    """Move the time of everything without a test clock."""
    with server.lock:
        until = server.now() + seconds
        for account in list(server.store.rows):
            advance(server, account, None, until)
        server.offset += seconds
        server.send()


@route("POST", "/v1/test_helpers/test_clocks", "test_helpers.test_clock_create")
def create(server: StripeServer, request: Request) -> Body:
    return server.store.put(
        request.account,
        {
            "id": server.store.new_id("clock"),
            "object": "test_helpers.test_clock",
            "created": server.now(),
            "deletes_after": server.now() + 30 * 86_400,
            "frozen_time": request.params["frozen_time"],
            "livemode": False,
            "name": request.params.get("name"),
            "status": "ready",
            "status_details": {},
        },
    )


@route("GET", "/v1/test_helpers/test_clocks", "test_helpers.test_clock_list")
def list_clocks(server: StripeServer, request: Request) -> Body:
    rows = server.store.find(request.account, "test_helpers.test_clock")
    return listing(rows, request.params, request.path)


@route("GET", "/v1/test_helpers/test_clocks/{id}", "test_helpers.test_clock_retrieve")
def get(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "test_helpers.test_clock")


@route("POST", "/v1/test_helpers/test_clocks/{id}/advance", "test_helpers.test_clock_advance")
def advance_clock(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "test_helpers.test_clock")
    until = request.params["frozen_time"]
    if until <= row["frozen_time"]:
        raise bad("A clock only moves ahead.", "frozen_time")
    advance(server, request.account, row["id"], until)
    row["frozen_time"] = until
    return row
