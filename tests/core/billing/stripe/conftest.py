"""Two schools connected to Stripe over HTTP, in a database where commits are real."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.stripe_world import World, connected


@pytest.fixture
def world(own_database: str, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[World]:
    """A connected installation with real webhooks, and its clock on 21 November 2026."""
    with connected(monkeypatch, settings) as found:
        yield found
