"""The hub in the product's own server: who is let in, what arrives, what survives a restart."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from tenants.context import use
from tests.core.realtime.sse import Stream, refusal, request, subscribe, wait_until
from tests.core.tasks.stack import Stack, eventually, free_port
from tremplin.api import services
from tremplin.kernel.realtime.publishing import kick

pytestmark = pytest.mark.slow

APPLICATION = "tests.core.realtime.server:application"


@dataclass
class Site:
    """A running server and one signed-in person per space."""

    stack: Stack
    port: int
    ana: UUID
    ana_cookie: str
    bob: UUID
    bob_cookie: str

    def host(self, name: str) -> str:
        """Return the host of the space called alpha (a) or beta (b) in these tests."""
        known = {"alpha": self.stack.a.primary_host, "beta": self.stack.b.primary_host}
        return str(known.get(name, f"{name}.localhost"))

    def hear(self, host: str, topics: list[str], cookie: str, **options: Any) -> Stream:
        address = f"{self.host(host)}:{self.port}"
        return subscribe(self.port, address, topics, cookie=cookie, **options)

    def say(self, tenant: Any, topic: str, html: str) -> None:
        with use(tenant):
            services.realtime().publish(topic, html)

    def refused(self, host: str, topics: list[str], **options: Any) -> tuple[int, str]:
        return refusal(self.port, self.host(host), topics, **options)


@pytest.fixture(scope="module")
def site(stack: Stack) -> Site:
    port = free_port()
    stack.start_web(port, application=APPLICATION)
    ana, ana_cookie = stack.person(stack.a)
    bob, bob_cookie = stack.person(stack.b)
    return Site(stack, port, ana, ana_cookie, bob, bob_cookie)


# --- delivery -----------------------------------------------------------------------------------


def test_a_message_reaches_the_readers_of_its_own_space_only(site: Site) -> None:
    here = site.hear("alpha", ["room.1", f"person.{site.ana}"], site.ana_cookie)
    there = site.hear("beta", ["room.1"], site.bob_cookie)
    site.say(site.stack.a, "room.1", "<li>é</li>\n<li>2</li>")
    site.say(site.stack.a, "room.2", "<li>not asked</li>")
    site.say(site.stack.a, f"person.{site.ana}", "<p>you</p>")
    site.say(site.stack.b, "room.1", "<li>beta</li>")
    assert here.wait_events(2) == [
        ("room.1", "<li>é</li>\n<li>2</li>"),
        (f"person.{site.ana}", "<p>you</p>"),
    ]
    assert there.wait_events(1) == [("room.1", "<li>beta</li>")]
    assert dict(here.response.getheaders())["cache-control"] == "no-store"
    assert dict(here.response.getheaders())["x-accel-buffering"] == "no"
    assert [name for name in here.response.headers if name.startswith("access-control")] == []
    for stream in (here, there):
        stream.close()


def test_a_fragment_too_large_for_a_notification_becomes_a_signal(site: Site) -> None:
    stream = site.hear("alpha", ["room.1"], site.ana_cookie)
    site.say(site.stack.a, "room.1", "é" * 4000)
    with use(site.stack.a):
        services.realtime().signal("room.1")
    assert stream.wait_events(2) == [("room.1", "1"), ("room.1", "1")]
    stream.close()


def test_replay_after_a_lost_connection_and_between_render_and_connection(site: Site) -> None:
    first = site.hear("alpha", ["room.1"], site.ana_cookie)
    before = time.time_ns() // 1_000_000
    site.say(site.stack.a, "room.1", "one")
    first.wait_events(1)
    first.close()
    site.say(site.stack.a, "room.1", "two")
    site.say(site.stack.a, "room.9", "elsewhere")
    site.say(site.stack.a, "room.1", "three")
    assert eventually(lambda: site.stack.sql("SELECT 1") == [(1,)])
    header = {"Last-Event-ID": first.events[0].id}
    by_header = site.hear("alpha", ["room.1"], site.ana_cookie, headers=header)
    by_query = site.hear("alpha", ["room.1"], site.ana_cookie, last=first.events[0].id)
    by_time = site.hear("alpha", ["room.1"], site.ana_cookie, last=f"@{before}")
    unknown = site.hear("alpha", ["room.1"], site.ana_cookie, last="18bcfe56801-00000000")
    assert by_header.wait_events(2) == [("room.1", "two"), ("room.1", "three")]
    assert by_query.wait_events(2) == [("room.1", "two"), ("room.1", "three")]
    assert [data for _, data in by_time.wait_events(3)] == ["one", "two", "three"]
    assert unknown.wait_events(1) == [("resync", "1")]
    # The id of the resync is a cursor: nothing is repeated after it.
    again = site.hear("alpha", ["room.1"], site.ana_cookie, last=unknown.events[0].id)
    site.say(site.stack.a, "room.1", "four")
    assert again.wait_events(1) == [("room.1", "four")]
    for stream in (by_header, by_query, by_time, unknown, again):
        stream.close()


def test_a_reader_that_does_not_read_gets_one_resync(site: Site) -> None:
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", site.port))
    raw.sendall(
        f"GET /_rt/?t=room.1 HTTP/1.1\r\nHost: {site.host('alpha')}\r\nCookie: {site.ana_cookie}\r\n\r\n".encode()
    )
    assert raw.recv(12) == b"HTTP/1.1 200"
    envelope = json.dumps({"s": site.stack.a.schema_name, "t": "room.1", "d": "x" * 6000})
    # One statement a message: notifications of one transaction arrive in one burst anyway.
    site.stack.sql(
        "SELECT pg_notify('tremplin_rt', (%s::jsonb || jsonb_build_object('i', '1-' || n))::text)"
        " FROM generate_series(1, 3000) AS n",
        envelope,
    )
    witness = site.hear("alpha", ["room.2"], site.ana_cookie)
    site.say(site.stack.a, "room.2", "after")
    assert witness.wait_events(1) == [("room.2", "after")]
    raw.settimeout(3)
    received = bytearray()
    while b"event: resync" not in received:
        received += raw.recv(1 << 20)
    site.say(site.stack.a, "room.1", "the last one")
    while b"the last one" not in received:
        received += raw.recv(1 << 20)
    assert received.count(b"event: resync") == 1
    assert received.count(b"event: room.1") < 3000
    raw.close()
    witness.close()


# --- refusals -----------------------------------------------------------------------------------


def test_refusals(site: Site) -> None:
    mine = [f"person.{site.ana}"]
    ana = {"cookie": site.ana_cookie}
    found = {
        "anonymous": site.refused("alpha", mine),
        "other space's session": site.refused("alpha", mine, cookie=site.bob_cookie),
        "own session, other space": site.refused("beta", mine, **ana),
        "someone else": site.refused("alpha", [f"person.{site.bob}"], **ana),
        "one denied of two": site.refused("alpha", [*mine, "staff.1"], **ana),
        "undeclared": site.refused("alpha", ["chat.1"], **ana),
        "right not held": site.refused("alpha", ["staff.1"], **ana),
        "invented session": site.refused("alpha", mine, cookie="sessionid=" + "a" * 32),
        "same-site page": site.refused(
            "alpha", mine, **ana, headers={"Sec-Fetch-Site": "same-site"}
        ),
        "cross-site page": site.refused(
            "alpha", mine, **ana, headers={"Sec-Fetch-Site": "cross-site"}
        ),
        "control topic": site.refused("alpha", ["~kick"], **ana),
        "comma": site.refused("alpha", ["room.1,room.2"], **ana),
        "no topic": site.refused("alpha", [], **ana),
        "eleven topics": site.refused("alpha", [f"room.{n}" for n in range(11)], **ana),
        "post": site.refused("alpha", mine, **ana, method="POST"),
        "unknown host": site.refused("nowhere", mine, **ana),
    }
    assert found == {
        "anonymous": (403, "topic_denied"),
        "other space's session": (403, "topic_denied"),
        "own session, other space": (403, "topic_denied"),
        "someone else": (403, "topic_denied"),
        "one denied of two": (403, "topic_denied"),
        "undeclared": (403, "topic_denied"),
        "right not held": (403, "topic_denied"),
        "invented session": (403, "topic_denied"),
        "same-site page": (403, "cross_site"),
        "cross-site page": (403, "cross_site"),
        "control topic": (400, "bad_topic"),
        "comma": (400, "bad_topic"),
        "no topic": (400, "bad_topic"),
        "eleven topics": (503, "too_many_topics"),
        "post": (405, "method_not_allowed"),
        "unknown host": (404, "unknown_host"),
    }
    granted = site.hear("alpha", mine, site.ana_cookie, headers={"Sec-Fetch-Site": "same-origin"})
    open_to_all = site.hear("alpha", ["open.1"], "")
    assert (granted.response.status, open_to_all.response.status) == (200, 200)
    granted.close()
    open_to_all.close()


@pytest.mark.parametrize("change", ["logged out", "deactivated", "password changed"])
def test_a_session_that_is_worth_nothing_any_more(site: Site, change: str) -> None:
    from django.contrib.auth import get_user_model
    from django.contrib.sessions.models import Session

    person, cookie = site.stack.person(site.stack.a)
    topic = [f"person.{person}"]
    site.hear("alpha", topic, cookie).close()
    with use(site.stack.a):
        user = get_user_model().objects.get(pk=person)
        if change == "logged out":
            Session.objects.filter(pk=cookie.partition("=")[2]).delete()
        elif change == "deactivated":
            user.is_active = False
            user.save()
        else:
            user.set_password("another long secret")
            user.save()
    assert site.refused("alpha", topic, cookie=cookie) == (403, "topic_denied")


def test_a_suspended_space_gives_no_stream(site: Site) -> None:
    topic = [f"person.{site.bob}"]
    site.hear("beta", topic, site.bob_cookie).close()
    site.stack.sql("UPDATE tenants_tenant SET status = 'suspended' WHERE id = %s", site.stack.b.pk)
    site.stack.sql("SELECT nextval('tenants_epoch')")
    try:
        expected = (403, "space_not_active")
        assert eventually(
            lambda: request_status(site, "beta", topic, site.bob_cookie) == expected, 10
        )
    finally:
        site.stack.sql("UPDATE tenants_tenant SET status = 'active' WHERE id = %s", site.stack.b.pk)
        site.stack.sql("SELECT nextval('tenants_epoch')")
    assert eventually(lambda: request_status(site, "beta", topic, site.bob_cookie)[0] == 200, 10)


def request_status(site: Site, host: str, topics: list[str], cookie: str) -> tuple[int, str]:
    stream = request(site.port, site.host(host), topics, cookie=cookie)
    status = stream.response.status
    body = "" if status == 200 else stream.response.read().decode()
    stream.close()
    return status, body


def test_six_streams_per_session(site: Site) -> None:
    person, cookie = site.stack.person(site.stack.a)
    topic = [f"person.{person}"]
    streams = [site.hear("alpha", topic, cookie) for _ in range(6)]
    assert site.refused("alpha", topic, cookie=cookie) == (503, "session_full")
    streams.pop().close()
    assert eventually(lambda: request_status(site, "alpha", topic, cookie)[0] == 200)
    for stream in streams:
        stream.close()


# --- ends and restarts --------------------------------------------------------------------------


def test_kick_ends_the_streams_of_a_person_or_of_everyone_in_the_space(site: Site) -> None:
    person, cookie = site.stack.person(site.stack.a)
    kicked = site.hear("alpha", ["room.1"], cookie)
    ana = site.hear("alpha", ["room.1"], site.ana_cookie)
    bob = site.hear("beta", ["room.1"], site.bob_cookie)
    with use(site.stack.a):
        kick(person)
    assert wait_until(lambda: kicked.is_over)
    assert (kicked.ended_cleanly, len(kicked.retries)) == (True, 2)
    assert (ana.is_over, bob.is_over) == (False, False)
    with use(site.stack.a):
        kick(None)
    assert wait_until(lambda: ana.is_over)
    site.say(site.stack.b, "room.1", "still here")
    assert bob.wait_events(1) == [("room.1", "still here")]
    bob.close()


def test_the_listener_comes_back_and_everyone_reads_again(site: Site) -> None:
    ana = site.hear("alpha", ["room.1"], site.ana_cookie)
    bob = site.hear("beta", ["room.1"], site.bob_cookie)
    listeners = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE application_name = 'tremplin-rt' AND datname = current_database()"
    )
    [(former,)] = site.stack.sql(listeners)
    site.stack.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert ana.wait_events(1) == [("resync", "1")]
    assert bob.wait_events(1) == [("resync", "1")]
    [(present,)] = site.stack.sql(listeners)
    assert present != former
    close_broken_connections()
    site.say(site.stack.a, "room.1", "back")
    assert ana.wait_events(2)[1] == ("room.1", "back")
    for stream in (ana, bob):
        stream.close()
    site.hear("alpha", ["room.1"], site.ana_cookie).close()


def close_broken_connections() -> None:
    from django.db import connection

    connection.close()
    connection.close_pool()


def test_a_restarted_server_asks_its_readers_to_read_again(stack: Stack) -> None:
    port = free_port()
    first = stack.start_web(port, application=APPLICATION)
    _, cookie = stack.person(stack.a)
    stream = subscribe(port, stack.a.primary_host, ["room.1"], cookie=cookie)
    with use(stack.a):
        services.realtime().publish("room.1", "one")
    stream.wait_events(1)
    stack.kill(first)
    assert wait_until(lambda: stream.is_over)
    second = stack.start_web(port, application=APPLICATION)
    again = subscribe(
        port, stack.a.primary_host, ["room.1"], cookie=cookie, last=stream.events[0].id
    )
    assert again.wait_events(1) == [("resync", "1")]
    again.close()
    stack.kill(second)


def test_streams_end_at_their_maximum_age_and_ping_until_then(stack: Stack) -> None:
    port = free_port()
    server = stack.start_web(
        port, application=APPLICATION, TREMPLIN_SETTINGS_OVERLAY="tests.core.realtime.short_lives"
    )
    _, cookie = stack.person(stack.a)
    started = time.monotonic()
    stream = subscribe(port, stack.a.primary_host, ["room.1"], cookie=cookie)
    assert wait_until(lambda: stream.is_over)
    lived = time.monotonic() - started
    assert (stream.ended_cleanly, 1.1 <= lived <= 2.6) == (True, True)
    assert (len(stream.retries), set(stream.comments)) == (2, {"ping"})
    stack.kill(server)


def test_a_thousand_streams_cost_no_connection_and_end_at_once(stack: Stack) -> None:
    port = free_port()
    server = stack.start_web(
        port, application=APPLICATION, TREMPLIN_SETTINGS_OVERLAY="tests.core.realtime.many_streams"
    )
    _, cookie = stack.person(stack.a)
    warm = subscribe(port, stack.a.primary_host, ["room.1"], cookie=cookie)
    before = connections_of(stack)
    asyncio.run(_thousand(stack, server, port, cookie, before))
    assert wait_until(lambda: warm.is_over)
    assert warm.ended_cleanly


def connections_of(stack: Stack) -> int:
    [(count,)] = stack.sql(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'tremplin-rt'"
    )
    return int(count)


async def _thousand(
    stack: Stack, server: subprocess.Popen[bytes], port: int, cookie: str, before: int
) -> None:
    head = (
        f"GET /_rt/?t=room.1 HTTP/1.1\r\nHost: {stack.a.primary_host}\r\nCookie: {cookie}\r\n\r\n"
    )
    gate = asyncio.Semaphore(50)

    async def open_one() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head.encode())
            assert (await reader.readline()).split() == [b"HTTP/1.1", b"200", b"OK"]
            return reader, writer

    opened = await asyncio.gather(*(open_one() for _ in range(1000)))
    [(held,)] = stack.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state = 'idle' AND application_name <> 'tremplin-rt' AND query LIKE '%%session%%'"
    )
    assert (connections_of(stack), held <= 4) == (before, True)
    await asyncio.to_thread(_say, stack)
    texts = await asyncio.gather(*(reader.readuntil(b"data: hello") for reader, _ in opened))
    assert len(texts) == 1000
    assert page_status(port, stack.a.primary_host) == 404
    server.send_signal(signal.SIGTERM)
    started = time.monotonic()
    ends = await asyncio.gather(*(reader.read() for reader, _ in opened))
    assert {end.endswith(b"0\r\n\r\n") for end in ends} == {True}
    await asyncio.to_thread(server.wait, 10)
    assert time.monotonic() - started < 2.0
    for _, writer in opened:
        writer.close()


def _say(stack: Stack) -> None:
    from django.db import connection

    with use(stack.a):
        services.realtime().publish("room.1", "hello")
    connection.close()


def page_status(port: int, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(
        "GET",
        "/files/00000000-0000-4000-8000-000000000000/x/y.png",
        headers={"Host": host},
    )
    status = connection.getresponse().status
    connection.close()
    return status
