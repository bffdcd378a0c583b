"""The hub alone: who receives what, replay, overflow, kick, limits, reconnection."""

from __future__ import annotations

import json

import pytest

from tremplin.kernel.realtime import hub as hub_module
from tremplin.kernel.realtime.envelope import (
    KICK,
    Message,
    decode,
    encode,
    frame,
    is_topic,
    milliseconds,
    new_id,
)
from tremplin.kernel.realtime.hub import Client, Hub, Limits, Reader

ANA = Reader("t_a", "ana", "s1")
BEN = Reader("t_a", "ben", "s2")
EVE = Reader("t_b", "ana", "s3")


class Clock:
    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def message(self, schema: str, topic: str, data: str) -> str:
        self.ms += 1
        identifier = f"{self.ms:x}-{self.ms % 0xFFFFFFFF:08x}"
        return encode(Message(identifier, schema, topic, data))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(hub_module, "_now_ms", lambda: clock.ms)
    return clock


def data(client: Client) -> list[str]:
    found = b"".join(client.queue).decode().split("\n\n")
    return [part.partition("data: ")[2] for part in found if part]


def last_id(payload: str) -> str:
    return str(json.loads(payload)["i"])


def test_only_readers_of_the_topic_in_the_same_schema_receive(clock: Clock) -> None:
    hub = Hub()
    ana = hub.connect(ANA, ["chat.1"], "")
    ben = hub.connect(BEN, ["chat.2"], "")
    eve = hub.connect(EVE, ["chat.1"], "")
    hub.receive(clock.message("t_a", "chat.1", "hello"))
    assert (data(ana), data(ben), data(eve)) == (["hello"], [], [])


def test_replay_after_an_id_gives_the_topics_asked_only(clock: Clock) -> None:
    hub = Hub()
    first = clock.message("t_a", "chat.1", "one")
    for payload in (
        first,
        clock.message("t_a", "chat.2", "two"),
        clock.message("t_b", "chat.1", "foreign"),
        clock.message("t_a", "chat.1", "three"),
    ):
        hub.receive(payload)
    client = hub.connect(ANA, ["chat.1"], last_id(first))
    assert (data(client), client.is_lost) == (["three"], False)


def test_an_unknown_id_means_resync(clock: Clock) -> None:
    hub = Hub()
    hub.receive(clock.message("t_a", "chat.1", "one"))
    client = hub.connect(ANA, ["chat.1"], "18bcfe56801-00000000")
    assert (data(client), client.is_lost) == ([], True)


def test_the_gap_between_render_and_connection_is_replayed(clock: Clock) -> None:
    hub = Hub()
    hub.receive(clock.message("t_a", "chat.1", "before"))
    rendered = clock.ms + 1
    hub.receive(clock.message("t_a", "chat.1", "in between"))
    client = hub.connect(ANA, ["chat.1"], f"@{rendered}")
    assert (data(client), client.is_lost) == (["in between"], False)


def test_a_moment_before_the_hub_listened_means_resync(clock: Clock) -> None:
    hub = Hub()
    assert hub.connect(ANA, ["chat.1"], f"@{clock.ms - 1}").is_lost is True
    assert hub.connect(ANA, ["chat.1"], f"@{clock.ms}").is_lost is False


def test_an_evicted_moment_means_resync(clock: Clock) -> None:
    hub = Hub(Limits(ring=2))
    start = clock.ms
    for number in range(4):
        hub.receive(clock.message("t_a", "chat.1", str(number)))
    assert hub.connect(ANA, ["chat.1"], f"@{start + 1}").is_lost is True
    kept = hub.connect(ANA, ["chat.1"], f"@{start + 3}")
    assert (data(kept), kept.is_lost) == (["2", "3"], False)


def test_old_messages_leave_the_ring(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub()
    at = 100.0
    monkeypatch.setattr(hub_module.time, "monotonic", lambda: at)
    first = clock.message("t_a", "chat.1", "one")
    hub.receive(first)
    at += 301.0
    hub.receive(clock.message("t_a", "chat.1", "two"))
    assert hub.connect(ANA, ["chat.1"], last_id(first)).is_lost is True


def test_a_slow_reader_loses_its_queue_and_gets_one_resync(clock: Clock) -> None:
    hub = Hub()
    client = hub.connect(ANA, ["chat.1"], "")
    for number in range(64):
        hub.receive(clock.message("t_a", "chat.1", str(number)))
    assert (len(client.queue), client.is_lost) == (64, False)
    for _ in range(3000):
        hub.receive(clock.message("t_a", "chat.1", "x" * 6000))
    assert (len(client.queue), client.is_lost) == (0, True)


def test_reconnection_of_the_bus_clears_rings_and_loses_everyone(clock: Clock) -> None:
    hub = Hub()
    payload = clock.message("t_a", "chat.1", "one")
    hub.receive(payload)
    client = hub.connect(ANA, ["chat.1"], "")
    hub.reconnected()
    assert client.is_lost is True
    assert hub.connect(BEN, ["chat.1"], last_id(payload)).is_lost is True
    assert hub.newest("t_a") == ""


@pytest.mark.parametrize(
    ("schema", "who", "ended"),
    [
        ("t_a", "ana", [True, False, False]),
        ("t_a", "*", [True, True, False]),
        ("t_b", "ana", [False, False, True]),
        ("t_c", "*", [False, False, False]),
    ],
)
def test_kick(clock: Clock, schema: str, who: str, ended: list[bool]) -> None:
    hub = Hub()
    clients = [hub.connect(reader, ["chat.1"], "") for reader in (ANA, BEN, EVE)]
    hub.receive(clock.message(schema, KICK, who))
    assert [client.is_over for client in clients] == ended
    assert hub.newest(schema) == ""


def test_limits() -> None:
    hub = Hub(Limits(streams_per_session=2, streams_per_tenant=3, streams_per_process=4))
    first = hub.connect(ANA, ["chat.1"], "")
    hub.connect(ANA, ["chat.1"], "")
    assert hub.refusal(ANA) == "session_full"
    hub.connect(BEN, ["chat.1"], "")
    assert hub.refusal(BEN) == "tenant_full"
    assert hub.refusal(EVE) == ""
    hub.connect(EVE, ["chat.1"], "")
    assert hub.refusal(EVE) == "process_full"
    hub.disconnect(first)
    hub.disconnect(first)
    assert (hub.refusal(ANA), len(hub.clients)) == ("", 3)
    hub.close_all()
    assert hub.refusal(ANA) == "closing"
    assert {client.is_over for client in hub.clients} == {True}


def test_nothing_is_kept_of_streams_that_ended() -> None:
    hub = Hub()
    for client in [hub.connect(ANA, ["chat.1", "chat.2"], "") for _ in range(3)]:
        hub.disconnect(client)
    assert (hub.clients, dict(hub._by_topic), dict(hub._by_session)) == (set(), {}, {})


@pytest.mark.parametrize(
    "payload", ["", "x", "[]", "null", '{"i":1,"s":"t_a","t":"chat.1","d":"x"}', '{"i":"1"}']
)
def test_what_is_not_an_envelope_is_ignored(payload: str) -> None:
    hub = Hub()
    client = hub.connect(ANA, ["chat.1"], "")
    hub.receive(payload)
    assert (list(client.queue), decode(payload)) == ([], None)


def test_frames_split_lines_and_are_never_empty() -> None:
    assert frame("chat.1", "a\r\nb\rc\nd", "7-1") == (
        b"id: 7-1\nevent: chat.1\ndata: a\ndata: b\ndata: c\ndata: d\n\n"
    )
    assert frame("chat.1", "") == b"event: chat.1\ndata: 1\n\n"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("chat.42", True),
        ("interview.7f3a.tokens", True),
        ("a" * 80, True),
        ("a" * 81, False),
        ("~kick", False),
        ("chat 42", False),
        ("chat,42", False),
        ("Chat", False),
        (".chat", False),
        ("chat\n", False),
        ("", False),
    ],
)
def test_topic_grammar(text: str, is_one: bool) -> None:
    assert is_topic(text) is is_one


def test_ids_carry_their_time() -> None:
    assert milliseconds("18bcfe56800-deadbeef") == 0x18BCFE56800
    assert milliseconds("nonsense") == 0
    assert len(new_id().partition("-")[2]) == 8
