"""Real databases, real threads: what people and machines do wrong at the worst moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.core.billing.engine.conftest import identify, make_price
from tests.core.licensing.conftest import sell

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

__all__ = ["sell"]


@pytest.fixture(autouse=True)
def _plain(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hash quickly, sell modules that no distribution brings, remember no tenant."""
    from tremplin.billing import guards
    from tremplin.licensing import snapshots

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(guards, "_guards", [])
    snapshots.forget()
    yield
    snapshots.forget()


@pytest.fixture
def school(own_database: str) -> TenantInfo:
    """A school that can be invoiced, in a database where commits are real."""
    from tenants import registry

    found = registry.by_slug("mecaformation")
    assert found is not None
    identify(found)
    return found


@pytest.fixture
def price() -> Callable[..., Any]:
    """Return ``make_price(plan, amount_minor, …)``."""
    return make_price


@pytest.fixture
def person_of() -> Callable[..., Any]:
    """Return ``person_of(tenant, email, role)``: somebody with a role, and no place taken."""
    from tenants.context import use
    from tremplin.identity.services import create_person

    def make(tenant: TenantInfo, email: str, role: str = "admin", locale: str = "en") -> Any:
        with use(tenant):
            return create_person(
                email=email, roles=[role], locale=locale, password="une-phrase-pour-tester-2026"
            )

    return make
