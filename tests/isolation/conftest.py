"""Two furnished schools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.isolation.world import World


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    """Hash passwords quickly: the real hasher takes most of a second on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def both(tenant_a: Any, tenant_b: Any, hq: Any) -> tuple[World, World]:
    """The two schools of the test database, with people and objects, its people signed in."""
    from tests.isolation.world import furnish

    return furnish(tenant_a, hq), furnish(tenant_b, hq)


@pytest.fixture(params=["a-to-b", "b-to-a"])
def victim_and_own(request: Any, both: tuple[World, World]) -> tuple[World, World]:
    """(the school whose data is wanted, the school the caller belongs to), both ways."""
    return both if request.param == "a-to-b" else both[::-1]
