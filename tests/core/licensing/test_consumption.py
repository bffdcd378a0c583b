"""Counting under many threads: never one unit over, never one twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from django.db import connection, transaction

from tenants import registry
from tenants.registry import TenantInfo
from tremplin.licensing import consumption, entitlements, snapshots
from tremplin.licensing.errors import NotEntitled, QuotaExceeded
from tremplin.licensing.models import License, UsageBucket, UsageEvent, UsageHold
from tremplin.testing import freeze

Sell = Callable[..., License]
SESSIONS = "interview.sessions"
PER_USER = {"value": 30, "reset": "month", "scope": "user"}
NOON = datetime.fromisoformat("2026-11-20T12:00:00+01:00")


def school() -> TenantInfo:
    """Return a space of the test's own database, where commits are real."""
    found = registry.by_slug("mecaformation")
    assert found is not None
    return found


def buckets(tenant: TenantInfo) -> list[tuple[str, int, int]]:
    rows = UsageBucket.objects.filter(tenant_id=tenant.pk).order_by("subject", "period_start")
    return [(row.subject, row.used, row.reserved) for row in rows]


def at_once(count: int, call: Callable[[int], Any], threads: int = 16) -> list[Any]:
    """Run ``call`` for 0..count-1 on threads that start together; return values or errors."""
    barrier = threading.Barrier(threads)
    started: set[int] = set()

    def work(number: int) -> Any:
        if threading.get_ident() not in started:
            started.add(threading.get_ident())
            barrier.wait(10)
        try:
            return call(number)
        except QuotaExceeded as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, range(count)))


@pytest.mark.django_db
def test_the_thirty_first_is_refused_with_its_figures(tenant_a: TenantInfo, sell: Sell) -> None:
    with freeze(NOON):
        sell(tenant_a, {SESSIONS: PER_USER})
        lina, theo = uuid4(), uuid4()
        for _ in range(30):
            consumption.consume(tenant_a, SESSIONS, person=theo, idem=uuid4())
        with pytest.raises(QuotaExceeded) as refused:
            consumption.consume(tenant_a, SESSIONS, person=theo, idem=uuid4())
        assert refused.value.extra == {
            "feature": SESSIONS, "limit": 30, "used": 30,
            "resets_at": "2026-11-30T23:00:00+00:00", "upgrade_url": "/console/billing/",
        }  # fmt: skip
        # The refusal left no ledger row, and nobody else is concerned.
        assert UsageEvent.objects.filter(tenant_id=tenant_a.pk).count() == 30
        found = entitlements.for_tenant(tenant_a)
        assert (found.check(SESSIONS, person=lina).remaining) == 30
        assert found.check(SESSIONS, person=theo).allowed is False
        assert found.check(SESSIONS, person=theo).is_soft is True
    with freeze(NOON + timedelta(days=11)):
        consumption.consume(tenant_a, SESSIONS, person=theo, idem=uuid4())
        assert entitlements.for_tenant(tenant_a).check(SESSIONS, person=theo).remaining == 29


@pytest.mark.django_db
def test_a_key_counts_once_and_only_in_its_tenant(
    tenant_a: TenantInfo, tenant_b: TenantInfo, sell: Sell
) -> None:
    for tenant in (tenant_a, tenant_b):
        sell(tenant, {SESSIONS: {"value": 5, "reset": "month"}})
    key = uuid4()
    first = consumption.consume(tenant_a, SESSIONS, 2, idem=key)
    again = consumption.consume(tenant_a, SESSIONS, 2, idem=key)
    other = consumption.consume(tenant_b, SESSIONS, 1, idem=key)
    assert (first.is_repeat, again.is_repeat, other.is_repeat) == (False, True, False)
    assert (buckets(tenant_a), buckets(tenant_b)) == ([("", 2, 0)], [("", 1, 0)])


@pytest.mark.django_db
def test_a_caller_that_survives_a_refusal_keeps_its_own_rows(
    tenant_a: TenantInfo, sell: Sell
) -> None:
    sell(tenant_a, {SESSIONS: {"value": 1, "reset": "month"}})
    with transaction.atomic():
        consumption.consume(tenant_a, SESSIONS, idem=uuid4(), ref="kept")
        with pytest.raises(QuotaExceeded):
            consumption.consume(tenant_a, SESSIONS, idem=uuid4(), ref="refused")
    rows = UsageEvent.objects.filter(tenant_id=tenant_a.pk)
    assert list(rows.values_list("reference", flat=True)) == ["kept"]


@pytest.mark.django_db
def test_what_no_plan_holds_is_refused(tenant_a: TenantInfo, sell: Sell) -> None:
    sell(tenant_a, {"api.access": True})
    for feature in (SESSIONS, "api.access", "nothing.known"):
        with pytest.raises(NotEntitled) as refused:
            consumption.consume(tenant_a, feature, idem=uuid4())
        assert (refused.value.status, refused.value.code) == (402, "not_entitled")
    with pytest.raises(ValueError, match="at least one"):
        consumption.consume(tenant_a, SESSIONS, 0, idem=uuid4())
    assert UsageEvent.objects.filter(tenant_id=tenant_a.pk).count() == 0


@pytest.mark.django_db
def test_the_operator_and_resellers_are_counted_without_limit(hq: TenantInfo, sell: Sell) -> None:
    for _ in range(3):
        consumption.consume(hq, SESSIONS, 1000, idem=uuid4())
    assert buckets(hq) == [("", 3000, 0)]
    assert entitlements.for_tenant(hq).check("api.access").allowed is True


@pytest.mark.django_db
def test_a_top_up_is_used_after_the_period(tenant_a: TenantInfo, sell: Sell) -> None:
    from tenants.context import public_write
    from tremplin.licensing.models import Grant

    sell(tenant_a, {SESSIONS: {"value": 2, "reset": "month"}})
    with public_write("test"):
        Grant.objects.create(
            tenant_id=tenant_a.pk, feature=SESSIONS, value=3, source="top_up",
            effective_at=NOON - timedelta(days=1),
        )  # fmt: skip
    with freeze(NOON):
        snapshots.rebuild(tenant_a)
        for _ in range(5):
            consumption.consume(tenant_a, SESSIONS, idem=uuid4())
        with pytest.raises(QuotaExceeded):
            consumption.consume(tenant_a, SESSIONS, idem=uuid4())
        assert [used for _subject, used, _held in buckets(tenant_a)] == [3, 2]
    with freeze(NOON + timedelta(days=11)):
        # A new month brings the plan's units back, not the top-up's.
        assert entitlements.for_tenant(tenant_a).check(SESSIONS).remaining == 2


@pytest.mark.django_db
def test_units_given_back_can_be_used_again(tenant_a: TenantInfo, sell: Sell) -> None:
    sell(tenant_a, {SESSIONS: {"value": 1, "reset": "month"}})
    consumption.consume(tenant_a, SESSIONS, idem=uuid4())
    key = uuid4()
    assert consumption.give_back(tenant_a, SESSIONS, 1, idem=key, failure="timeout") is True
    assert consumption.give_back(tenant_a, SESSIONS, 1, idem=key, failure="timeout") is False
    consumption.consume(tenant_a, SESSIONS, idem=uuid4())
    quantities = UsageEvent.objects.filter(tenant_id=tenant_a.pk).order_by("id")
    assert list(quantities.values_list("quantity", flat=True)) == [1, -1, 1]


@pytest.mark.django_db
def test_a_feature_that_always_fails_does_not_become_free(
    tenant_a: TenantInfo, tenant_b: TenantInfo, sell: Sell
) -> None:
    for tenant in (tenant_a, tenant_b):
        sell(tenant, {SESSIONS: {"value": 100, "reset": "month"}})
        consumption.consume(tenant, SESSIONS, 100, idem=uuid4())

    def back(tenant: TenantInfo) -> bool:
        return consumption.give_back(tenant, SESSIONS, 1, idem=uuid4(), failure="provider_error")

    with freeze(NOON):
        assert [back(tenant_a) for _ in range(52)] == [True] * 50 + [False] * 2
        assert back(tenant_b) is True
    with freeze(NOON + timedelta(days=1, seconds=1)):
        assert back(tenant_a) is True
    assert UsageEvent.objects.filter(tenant_id=tenant_a.pk, quantity=-1).count() == 51
    with pytest.raises(ValueError, match="declared"):
        consumption.give_back(tenant_a, SESSIONS, 1, idem=uuid4(), failure="bored")  # type: ignore[arg-type]


# --- many threads, real commits -----------------------------------------------------------------


def test_fifty_at_once_for_thirty_are_thirty(own_database: str, sell: Sell) -> None:
    tenant_a = school()
    sell(tenant_a, {SESSIONS: PER_USER})
    theo = uuid4()
    found = at_once(
        50, lambda _n: consumption.consume(tenant_a, SESSIONS, person=theo, idem=uuid4())
    )
    assert sum(isinstance(item, consumption.Consumed) for item in found) == 30
    assert sum(isinstance(item, QuotaExceeded) for item in found) == 20
    assert buckets(tenant_a) == [(str(theo), 30, 0)]
    assert UsageEvent.objects.filter(tenant_id=tenant_a.pk).count() == 30


def test_two_levels_agree_and_every_key_counts_once(own_database: str, sell: Sell) -> None:
    tenant_a = school()
    from tremplin.licensing.models import PlanEntitlement

    held = sell(tenant_a, {SESSIONS: {"value": 100, "reset": "month"}})
    from tenants.context import public_write

    with public_write("test"):
        PlanEntitlement.objects.create(
            version=held.plan_version, feature=SESSIONS, value=30, reset="month", scope="user"
        )
    snapshots.rebuild(tenant_a)
    people = [uuid5(UUID(int=0), str(number)) for number in range(5)]
    # 240 calls, each key sent twice: at most 120 distinct, 100 for the space, 30 for each.
    keys = [uuid5(UUID(int=1), str(number)) for number in range(120)]
    found = at_once(
        240,
        lambda number: consumption.consume(
            tenant_a, SESSIONS, person=people[(number % 120) % 5], idem=keys[number % 120]
        ),
    )
    counted = [i for i in found if isinstance(i, consumption.Consumed) and not i.is_repeat]
    assert len(counted) == 100
    rows = buckets(tenant_a)
    assert rows[0] == ("", 100, 0)
    assert sum(used for _subject, used, _held in rows[1:]) == 100
    assert max(used for _subject, used, _held in rows[1:]) <= 30
    assert UsageEvent.objects.filter(tenant_id=tenant_a.pk).count() == 100


def test_holds_are_committed_released_and_expired(own_database: str, sell: Sell) -> None:
    tenant_a = school()
    sell(tenant_a, {SESSIONS: {"value": 10, "reset": "month"}})
    with freeze(NOON, every_thread=True):
        with consumption.reserve(tenant_a, SESSIONS, 4, idem=uuid4()) as hold:
            assert buckets(tenant_a) == [("", 0, 4)]
            hold.commit(3)
        assert buckets(tenant_a) == [("", 3, 0)]
        hold.commit(3)
        hold.release()
        assert buckets(tenant_a) == [("", 3, 0)]
        with (
            pytest.raises(RuntimeError),
            consumption.reserve(  # noqa: PT012  the block fails
                tenant_a, SESSIONS, 5, idem=uuid4()
            ),
        ):
            raise RuntimeError("the provider is down")
        assert buckets(tenant_a) == [("", 3, 0)]
        key = uuid4()
        lost = consumption._hold(tenant_a, SESSIONS, 7, None, key, 900, "")
        with pytest.raises(QuotaExceeded):
            consumption.consume(tenant_a, SESSIONS, idem=uuid4())
        again = consumption._hold(tenant_a, SESSIONS, 7, None, key, 900, "")
        assert (again.id, again.is_repeat) == (lost.id, True)
        assert consumption.expire_holds() == 0
    with freeze(NOON + timedelta(minutes=15), every_thread=True):
        assert consumption.expire_holds() == 1
        assert consumption.expire_holds() == 0
        assert buckets(tenant_a) == [("", 3, 0)]
        lost.commit()
        assert buckets(tenant_a) == [("", 3, 0)]
    states = UsageHold.objects.order_by("created_at").values_list("state", flat=True)
    assert list(states) == ["committed", "released", "expired"]


def test_a_hold_refuses_to_live_inside_another_transaction(own_database: str, sell: Sell) -> None:
    tenant_a = school()
    sell(tenant_a, {SESSIONS: {"value": 10, "reset": "month"}})
    with (
        pytest.raises(RuntimeError, match="durable"),
        transaction.atomic(),
        consumption.reserve(tenant_a, SESSIONS, 1, idem=uuid4()),
    ):
        pass
    assert buckets(tenant_a) == []
