"""Keys, applications and tokens of the two test schools."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[..., datetime]:
    """Return ``later(days=…)``: move the real clock of Django forward until the test ends."""
    real = timezone.now

    def move(**amount: float) -> datetime:
        moment = real() + timedelta(**amount)
        monkeypatch.setattr(timezone, "now", lambda: moment)
        return moment

    return move


@pytest.fixture
def make_key(inside: Any) -> Callable[..., tuple[Any, str]]:
    """Return ``make_key(tenant, person, *scopes, **options)``: a key and its secret."""
    from tremplin.identity.api_access import keys

    def make(tenant: Any, person: Any, *scopes: str, **options: Any) -> tuple[Any, str]:
        with inside(tenant):
            return keys.create(
                name=options.pop("name", "moodle-prod"),
                scopes=scopes or ("identity:read",),
                created_by=person,
                **options,
            )

    return make
