"""People that the tests of several parts of the core need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.people import PASSWORD


@pytest.fixture
def make_person(inside: Any) -> Callable[..., Any]:
    """Return ``make_person(tenant, email, *roles, **fields)``: someone who can sign in."""
    from tremplin.identity import services

    def make(tenant: Any, email: str, *roles: str, **fields: Any) -> Any:
        fields.setdefault("password", PASSWORD)
        with inside(tenant):
            return services.create_person(email=email, roles=roles or ("learner",), **fields)

    return make
