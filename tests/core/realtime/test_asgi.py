"""The composition of the server, and the template tag that subscribes a page."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from a2wsgi.wsgi import build_environ
from django.template import Context, Template

from tenants.context import use
from tremplin.api import services
from tremplin.config import asgi
from tremplin.kernel.realtime.topics import compile_pattern

ANA = UUID("11111111-2222-4333-8444-555555555555")


def scope(kind: str = "http", path: str = "/app/", **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "method": "GET",
        "path": path,
        "http_version": "1.1",
        "query_string": b"",
        "headers": [],
        **more,
    }


def run(given: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": f"{given['type']}.connect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(asgi.application(given, receive, send))
    return sent


def test_a_header_with_an_underscore_cannot_forge_its_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    async def pages(given: Any, receive: Any, send: Any) -> None:
        seen.append(given)

    monkeypatch.setattr(asgi, "django", pages)
    headers = [
        (b"x_forwarded_for", b"6.6.6.6"),
        (b"x-forwarded-for", b"10.0.0.1"),
        (b"host", b"a.localhost"),
    ]
    run(scope(headers=headers))
    environ = build_environ(seen[0], None)  # type: ignore[arg-type]
    assert {k: v for k, v in environ.items() if k.startswith("HTTP_")} == {
        "HTTP_X_FORWARDED_FOR": "10.0.0.1",
        "HTTP_HOST": "a.localhost",
    }


def test_raw_bytes_in_a_query_string_are_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    async def pages(given: Any, receive: Any, send: Any) -> None:
        seen.append(given["query_string"])

    monkeypatch.setattr(asgi, "django", pages)
    run(scope(query_string="q=é&page=2".encode()))
    run(scope(query_string=b"q=%C3%A9&x=a+b"))
    assert seen == [b"q=%C3%A9&page=2", b"q=%C3%A9&x=a+b"]


def test_websockets_are_refused_and_the_hub_gets_its_prefix_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    async def pages(given: Any, receive: Any, send: Any) -> None:
        seen.append("pages")

    async def hub(given: Any, receive: Any, send: Any) -> None:
        seen.append("hub")

    monkeypatch.setattr(asgi, "django", pages)
    monkeypatch.setattr(asgi, "realtime", hub)
    for path in ("/_rt/", "/_rt/x", "/_rt", "/app/_rt/"):
        run(scope(path=path))
    assert seen == ["hub", "hub", "pages", "pages"]
    assert run(scope("websocket")) == [{"type": "websocket.close", "code": 1003}]


@pytest.mark.parametrize(
    ("pattern", "topic", "parts"),
    [
        ("quiz.attempt.{attempt}", "quiz.attempt.7f-3a", {"attempt": "7f-3a"}),
        ("quiz.attempt.{attempt}", "quiz.attempt.7f.3a", None),
        ("quiz.attempt.{attempt}", "quizzattempt.7f", None),
        ("a.{x}.b.{y}", "a.1.b.2", {"x": "1", "y": "2"}),
        ("quiz.all", "quiz.all", {}),
    ],
)
def test_patterns(pattern: str, topic: str, parts: dict[str, str] | None) -> None:
    match = compile_pattern(pattern).fullmatch(topic)
    assert (match.groupdict() if match else None) == parts


@pytest.mark.django_db
def test_the_tag_prints_only_what_the_person_may_read(
    tenant_a: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000_000 * 1_000_000)
    text = "{% load realtime %}<div {% rt 'person' 'person.x' 'chat.1' %}>"
    with use(tenant_a):
        anonymous = services.contexts().current()
        signed_in = SimpleNamespace(person=SimpleNamespace(id=ANA), enabled=frozenset())
        pages = [
            Template(text).render(Context({"request": SimpleNamespace(ctx=ctx)}))
            for ctx in (signed_in, anonymous)
        ]
    assert pages == [
        f'<div hx-ext="sse" sse-connect="/_rt/?t=person.{ANA}&amp;last=@1699999998000">',
        "<div >",
    ]
