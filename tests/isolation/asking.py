"""Sends one request as somebody to some host, and takes back what it changed."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from functools import cache
from http.cookies import SimpleCookie
from typing import Any

from django.core.cache import cache as attempts
from django.core.signals import got_request_exception
from django.db import transaction
from django.test import Client
from django.utils import translation

from tests.isolation.traces import text_of, writes_in


@dataclass
class Asked:
    """An answer, the writes it caused in the watched schema, and the error behind a 500."""

    status: int
    text: str
    headers: dict[str, str]
    writes: int
    error: str
    supplied: list[str] = field(default_factory=list)


@cache
def _client() -> Client:
    """Return the one client: loading the middleware costs more than most pages."""
    return Client(raise_request_exception=False)


def ask(
    host: str,
    method: str,
    path: str,
    *,
    cookie: str = "",
    data: dict[str, Any] | None = None,
    watched: str,
    apart_from: tuple[str, ...] = (),
    extra: dict[str, str] | None = None,
) -> Asked:
    """Send a request and roll its effects back; count what it wrote in the schema ``watched``.

    ``apart_from`` names tables whose writes do not count; nothing is counted when ``watched`` is
    empty. ``extra`` are more headers.
    """
    client = _client()
    client.cookies = SimpleCookie({"sessionid": cookie} if cookie else {})
    headers = {"host": host, **(extra or {})}
    errors: list[str] = []

    def remember(**kwargs: Any) -> None:
        errors.append(traceback.format_exc(limit=-3))

    attempts.clear()  # tries are limited per address; each request here is a first one
    got_request_exception.connect(remember)
    before = writes_in(watched, apart_from=apart_from) if watched else 0
    try:
        with transaction.atomic():
            if data is None:
                answer = client.generic(method, path, headers=headers)
            else:
                answer = client.post(path, data, headers=headers)
            text = text_of(answer)
            transaction.set_rollback(True)
    finally:
        got_request_exception.disconnect(remember)
        translation.deactivate()
    return Asked(
        status=int(answer.status_code),
        text=text,
        headers=dict(answer.headers),
        writes=writes_in(watched, apart_from=apart_from) - before if watched else 0,
        error="\n".join(errors),
        supplied=[path, *(str(value) for value in (data or {}).values())],
    )
