"""The compiled snapshot: no query while it holds, made again when a date passes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tenants import registry
from tenants.registry import TenantInfo
from tremplin.kernel import gate
from tremplin.licensing import entitlements, snapshots
from tremplin.licensing.models import EntitlementSnapshot, License
from tremplin.testing import freeze

Sell = Callable[..., License]
NOON = datetime.fromisoformat("2026-11-20T12:00:00+01:00")
DAY = timedelta(days=1)


def school() -> TenantInfo:
    """Return a space of the test's own database, where commits are real."""
    found = registry.by_slug("mecaformation")
    assert found is not None
    return found


@pytest.mark.django_db
def test_twenty_checks_cost_no_query_and_metered_ones_one_each(
    tenant_a: TenantInfo, sell: Sell, django_assert_num_queries: Any
) -> None:
    sell(tenant_a, {"api.access": True, "interview.sessions": {"value": 9, "reset": "month"}})
    snapshot = snapshots.of(tenant_a)
    found = entitlements.Tenant(tenant_a, snapshot)
    with django_assert_num_queries(0):
        assert [found.check("api.access").allowed for _ in range(20)] == 20 * [True]
        assert found.check("sso.enabled").reason == "not_entitled"
    with django_assert_num_queries(1):
        assert found.check("interview.sessions").remaining == 9


def test_the_process_keeps_a_snapshot_until_the_version_moves(
    own_database: str, sell: Sell, django_assert_num_queries: Any
) -> None:
    tenant_a = school()
    sell(tenant_a, {"api.access": True})
    fresh = registry.by_pk(tenant_a.pk)
    assert fresh is not None
    assert snapshots.of(fresh).entitlements["api.access"].value is True
    with django_assert_num_queries(0):
        snapshots.of(fresh)
    before = fresh.entitlement_version
    License.objects.filter(tenant_id=tenant_a.pk)  # reading moves nothing
    sell(tenant_a, {"sso.enabled": True}, module="quiz")
    moved = registry.by_pk(tenant_a.pk)
    assert moved is not None
    assert moved.entitlement_version == before + 1
    assert snapshots.of(moved).entitlements["sso.enabled"].value is True


@pytest.mark.django_db
def test_an_expiry_waits_for_no_job(tenant_a: TenantInfo, sell: Sell) -> None:
    with freeze(NOON):
        sell(tenant_a, {"people.seats": 5})
        sell(
            tenant_a,
            {"api.access": True},
            module="quiz",
            source="trial",
            valid_until=NOON + 14 * DAY,
        )
        found = entitlements.for_tenant(tenant_a)
        assert found.check("api.access").allowed is True
        assert snapshots.of(tenant_a).modules == {"quiz": "on"}
        assert gate.states(tenant_a)["quiz"].licensed_mode == "on"
        assert gate.states(tenant_a)["quiz"].licensed_until == NOON + 14 * DAY
    with freeze(NOON + 14 * DAY):
        assert entitlements.for_tenant(tenant_a).check("api.access").allowed is False
        assert snapshots.of(tenant_a).modules == {"quiz": "read_only"}
    with freeze(NOON + 44 * DAY):
        assert snapshots.of(tenant_a).modules == {"quiz": "off"}
        assert EntitlementSnapshot.objects.get(tenant_id=tenant_a.pk).valid_until is None


@pytest.mark.django_db
def test_a_suspended_plan_allows_nothing_more(tenant_a: TenantInfo, sell: Sell) -> None:
    with freeze(NOON):
        sell(
            tenant_a,
            {"api.access": True, "people.seats": 100},
            unpaid_since=NOON - 21 * DAY,
            seats_total=100,
        )
        found = entitlements.for_tenant(tenant_a)
        assert found.check("api.access").reason == "suspended"
        assert snapshots.of(tenant_a).is_writable is False


@pytest.mark.django_db
def test_one_tenant_never_sees_another(
    tenant_a: TenantInfo, tenant_b: TenantInfo, sell: Sell
) -> None:
    sell(tenant_a, {"api.access": True})
    sell(tenant_b, {"people.seats": 5})
    assert entitlements.for_tenant(tenant_a).check("api.access").allowed is True
    assert entitlements.for_tenant(tenant_b).check("api.access").allowed is False
    assert set(EntitlementSnapshot.objects.values_list("tenant_id", flat=True)) == {
        tenant_a.pk,
        tenant_b.pk,
    }
