"""Sends one request as somebody to some host, and takes back what it changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache
from django.core.signals import got_request_exception
from django.db import transaction
from django.test import Client
from django.utils import translation

from tenants.context import use
from tests.isolation.traces import writes_in
from tests.isolation.world import World

PEOPLE = ("anonymous", "learner", "admin")


def sign_in(world: World) -> None:
    """Open one session per person of ``world``; ``world.cookies`` holds their keys."""
    for role, person in world.people.items():
        client = Client(headers={"host": world.host})
        with use(world.tenant):
            client.force_login(person, backend="tremplin.identity.backends.RoleBackend")
        world.cookies[role] = client.cookies["sessionid"].value


@dataclass
class Asked:
    """An answer, the writes it caused in the watched schema, and the error behind a 500."""

    answer: Any
    writes: int
    error: str
    supplied: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.answer.status_code)


def ask(
    host: str,
    method: str,
    path: str,
    *,
    cookie: str = "",
    data: dict[str, Any] | None = None,
    watched: str,
) -> Asked:
    """Send a request and roll its effects back; count what it wrote in the schema ``watched``."""
    client = Client(headers={"host": host}, raise_request_exception=False)
    if cookie:
        client.cookies["sessionid"] = cookie
    errors: list[str] = []

    def remember(**kwargs: Any) -> None:
        import traceback

        errors.append(traceback.format_exc(limit=-3))

    cache.clear()  # attempts are limited per address; each request here is a first one
    got_request_exception.connect(remember)
    before = writes_in(watched)
    try:
        with transaction.atomic():
            answer = client.generic(method, path) if data is None else client.post(path, data)
            if answer.streaming:
                list(answer.streaming_content) if method == "HEAD" else None
            transaction.set_rollback(True)
    finally:
        got_request_exception.disconnect(remember)
        translation.deactivate()
    writes = writes_in(watched) - before
    said = [path, *(str(v) for v in (data or {}).values() if isinstance(v, str))]
    return Asked(answer, writes, "\n".join(errors), said)
