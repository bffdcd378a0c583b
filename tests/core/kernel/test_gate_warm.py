"""The gate with real commits: nothing asked when warm, nothing stale after a change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tremplin.kernel import gate


def test_a_warm_gate_asks_nothing(
    own_database: str, support: Callable[..., Any], django_assert_num_queries: Any
) -> None:
    from tenants import registry as tenants

    support("dummy")
    tenant = tenants.by_slug("mecaformation")
    gate.set_licence(tenant, "dummy", "on", reason="test")
    gate.activate(tenant, "dummy")
    tenants.epoch()
    assert gate.mode(tenant, "dummy") == "on"
    with django_assert_num_queries(0):
        assert gate.mode(tenant, "dummy") == "on"
        assert gate.enabled(tenant) == frozenset({"dummy"})
    gate.deactivate(tenant, "dummy")
    assert gate.mode(tenant, "dummy") == "off"
