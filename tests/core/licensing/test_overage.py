"""Beyond the plan: tolerated, counted only, or paid up to the amount that the customer chose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from tenants.context import public_write
from tenants.registry import TenantInfo
from tests.core.licensing.test_consumption import at_once, buckets, school
from tremplin.licensing import consumption, entitlements, overage, services, snapshots
from tremplin.licensing.errors import QuotaExceeded
from tremplin.licensing.models import License, PlanEntitlement, UsageBucket
from tremplin.testing import freeze

Sell = Callable[..., License]
TOKENS = "ai.tokens"
NOON = datetime.fromisoformat("2026-11-20T12:00:00+01:00")
BILLED = {"value": 10, "reset": "month", "overage": "bill", "overage_unit_minor": 7}


def take(tenant: TenantInfo, count: int, key: Any = None) -> str:
    """Consume ``count`` units and say what happened."""
    try:
        consumption.consume(tenant, TOKENS, count, idem=key or uuid4())
    except QuotaExceeded:
        return "refused"
    return "counted"


def over(tenant: TenantInfo) -> list[tuple[int, int, int]]:
    """Return (used, units beyond, their price) per bucket."""
    rows = UsageBucket.objects.filter(tenant_id=tenant.pk).order_by("period_start")
    return [(row.used, row.over_units, row.over_minor) for row in rows]


@pytest.mark.django_db
def test_without_a_cap_of_the_customer_nothing_is_billed(tenant_a: TenantInfo, sell: Sell) -> None:
    sell(tenant_a, {TOKENS: BILLED})
    assert [take(tenant_a, 10), take(tenant_a, 1)] == ["counted", "refused"]
    assert over(tenant_a) == [(10, 0, 0)]


@pytest.mark.django_db
def test_beyond_the_plan_up_to_the_cap_then_refused(tenant_a: TenantInfo, sell: Sell) -> None:
    sell(tenant_a, {TOKENS: BILLED})
    # 50 cents at 7 each: seven units, the eighth would make 56.
    overage.set_cap(tenant_a, TOKENS, 50)
    assert [take(tenant_a, 8), take(tenant_a, 5), take(tenant_a, 4)] == ["counted"] * 3
    assert over(tenant_a) == [(17, 7, 49)]
    assert take(tenant_a, 1) == "refused"
    found = entitlements.for_tenant(tenant_a).check(TOKENS)
    assert (found.allowed, found.limit, found.used, found.remaining) == (False, 10, 17, 0)
    # More is agreed to: it goes on at once; less: what was counted stays owed.
    overage.set_cap(tenant_a, TOKENS, 70)
    assert take(tenant_a, 3) == "counted"
    overage.set_cap(tenant_a, TOKENS, 0)
    assert take(tenant_a, 1) == "refused"
    assert over(tenant_a) == [(20, 10, 70)]


@pytest.mark.django_db
def test_the_plan_bounds_the_cap(tenant_a: TenantInfo, sell: Sell) -> None:
    sell(tenant_a, {TOKENS: {**BILLED, "overage_cap_minor": 21}})
    overage.set_cap(tenant_a, TOKENS, 10_000)
    assert [take(tenant_a, 13), take(tenant_a, 1)] == ["counted", "refused"]
    assert over(tenant_a) == [(13, 3, 21)]
    (terms,) = overage.terms(tenant_a)
    assert (terms.included, terms.unit_minor, terms.highest_minor, terms.over_minor) == (
        10, 7, 21, 21,
    )  # fmt: skip


@pytest.mark.django_db
def test_a_key_twice_is_owed_once_and_a_unit_given_back_is_not_owed(
    tenant_a: TenantInfo, sell: Sell
) -> None:
    sell(tenant_a, {TOKENS: BILLED})
    overage.set_cap(tenant_a, TOKENS, 1_000)
    key = uuid4()
    assert [take(tenant_a, 14, key), take(tenant_a, 14, key)] == ["counted", "counted"]
    assert over(tenant_a) == [(14, 4, 28)]
    consumption.give_back(tenant_a, TOKENS, 3, idem=uuid4(), failure="timeout")
    assert over(tenant_a) == [(11, 1, 7)]
    with public_write("test"):
        (excess,) = overage.take(tenant_a.pk)
    assert (excess.units, excess.amount_minor, excess.unit_minor) == (1, 7, 7)
    # It is on an invoice: given back afterwards, it stays there.
    consumption.give_back(tenant_a, TOKENS, 5, idem=uuid4(), failure="timeout")
    assert over(tenant_a) == [(6, 1, 7)]
    assert overage.unbilled(tenant_a.pk) == []


@pytest.mark.django_db
def test_what_was_topped_up_is_used_before_anything_is_billed(
    tenant_a: TenantInfo, sell: Sell
) -> None:
    sell(tenant_a, {TOKENS: BILLED})
    overage.set_cap(tenant_a, TOKENS, 14)
    services.add_grant(tenant_a, TOKENS, 5, source="top_up", reason="bought")
    assert [take(tenant_a, 10), take(tenant_a, 5)] == ["counted", "counted"]
    assert over(tenant_a) == [(5, 0, 0), (10, 0, 0)]
    assert [take(tenant_a, 2), take(tenant_a, 1)] == ["counted", "refused"]
    assert over(tenant_a) == [(5, 0, 0), (12, 2, 14)]


@pytest.mark.django_db
def test_a_later_plan_changes_nothing_of_what_was_used(tenant_a: TenantInfo, sell: Sell) -> None:
    former = sell(tenant_a, {TOKENS: BILLED})
    overage.set_cap(tenant_a, TOKENS, 1_000)
    take(tenant_a, 12)
    with public_write("test"):
        License.objects.filter(pk=former.pk).update(state="ended", ended_at=NOON)
    sell(tenant_a, {TOKENS: {**BILLED, "value": 100, "overage_unit_minor": 1}})
    take(tenant_a, 80)
    assert over(tenant_a) == [(92, 2, 14)]
    take(tenant_a, 10)
    assert over(tenant_a) == [(102, 4, 16)]
    (mixed,) = overage.unbilled(tenant_a.pk)
    assert (mixed.units, mixed.amount_minor, mixed.unit_minor) == (4, 16, 4)


@pytest.mark.django_db
def test_grace_tolerates_a_part_and_owes_nothing(tenant_a: TenantInfo, sell: Sell) -> None:
    sell(
        tenant_a, {TOKENS: {"value": 10, "reset": "month", "overage": "grace",
                            "overage_percent": 25}},
    )  # fmt: skip
    # 25 % of 10 is 2: halves of a unit are not tolerated.
    assert [take(tenant_a, 12), take(tenant_a, 1)] == ["counted", "refused"]
    assert over(tenant_a) == [(12, 0, 0)]


@pytest.mark.django_db
def test_allow_counts_without_end_and_owes_nothing(tenant_a: TenantInfo, sell: Sell) -> None:
    sell(tenant_a, {TOKENS: {"value": 10, "reset": "month", "overage": "allow"}})
    assert take(tenant_a, 5_000) == "counted"
    assert over(tenant_a) == [(5_000, 0, 0)]


@pytest.mark.django_db
def test_what_each_person_uses_on_her_own_is_never_billed(tenant_a: TenantInfo, sell: Sell) -> None:
    sell(tenant_a, {TOKENS: {**BILLED, "scope": "user"}})
    overage.set_cap(tenant_a, TOKENS, 1_000)
    theo = uuid4()
    consumption.consume(tenant_a, TOKENS, 10, person=theo, idem=uuid4())
    with pytest.raises(QuotaExceeded):
        consumption.consume(tenant_a, TOKENS, 1, person=theo, idem=uuid4())
    assert overage.terms(tenant_a) == []


@pytest.mark.django_db
def test_a_new_month_starts_again_and_the_former_is_still_owed(
    tenant_a: TenantInfo, sell: Sell
) -> None:
    with freeze(NOON):
        sell(tenant_a, {TOKENS: BILLED})
        overage.set_cap(tenant_a, TOKENS, 14)
        assert [take(tenant_a, 12), take(tenant_a, 1)] == ["counted", "refused"]
    with freeze(datetime.fromisoformat("2026-12-01T00:00:00+01:00")):
        assert [take(tenant_a, 11), take(tenant_a, 1), take(tenant_a, 1)] == [
            "counted", "counted", "refused",
        ]  # fmt: skip
    assert over(tenant_a) == [(12, 2, 14), (12, 2, 14)]


# --- many threads, real commits -----------------------------------------------------------------


def test_sixty_at_once_never_cost_more_than_the_cap(own_database: str, sell: Sell) -> None:
    tenant = school()
    sell(tenant, {TOKENS: BILLED})
    overage.set_cap(tenant, TOKENS, 150)
    found = at_once(60, lambda _n: consumption.consume(tenant, TOKENS, idem=uuid4()))
    assert sum(isinstance(item, consumption.Consumed) for item in found) == 10 + 21
    assert over(tenant) == [(31, 21, 147)]


def test_held_units_are_owed_as_used_when_they_are_committed(own_database: str, sell: Sell) -> None:
    tenant = school()
    sell(tenant, {TOKENS: BILLED})
    overage.set_cap(tenant, TOKENS, 70)
    with consumption.reserve(tenant, TOKENS, 15, idem=uuid4()) as hold:
        assert (buckets(tenant), over(tenant)) == ([("", 0, 15)], [(0, 0, 0)])
        hold.commit(13)
    assert (buckets(tenant), over(tenant)) == ([("", 13, 0)], [(13, 3, 21)])
    with consumption.reserve(tenant, TOKENS, 7, idem=uuid4()):
        pass
    assert (buckets(tenant), over(tenant)) == ([("", 13, 0)], [(13, 3, 21)])
    with pytest.raises(QuotaExceeded), consumption.reserve(tenant, TOKENS, 8, idem=uuid4()):
        pass


def test_two_invoices_at_once_take_each_unit_once(own_database: str, sell: Sell) -> None:
    from django.db import transaction

    tenant = school()
    sell(tenant, {TOKENS: BILLED})
    overage.set_cap(tenant, TOKENS, 1_000)
    take(tenant, 30)

    def bill(_number: int) -> int:
        with transaction.atomic(), public_write("test"):
            return sum(item.units for item in overage.take(tenant.pk))

    assert sorted(at_once(6, bill, threads=6)) == [0, 0, 0, 0, 0, 20]
    assert PlanEntitlement.objects.get().overage_currency == "EUR"
    snapshots.forget()
