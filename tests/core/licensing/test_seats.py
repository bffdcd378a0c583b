"""A hundred seats are a hundred seats, whoever comes at the same time."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from tenants import registry
from tenants.registry import TenantInfo
from tests.core.licensing.test_consumption import at_once, school
from tremplin.licensing import seats
from tremplin.licensing.errors import SeatsFull
from tremplin.licensing.models import License, SeatAssignment

Sell = Callable[..., License]


@pytest.mark.django_db
def test_all_or_nobody(tenant_a: TenantInfo, sell: Sell) -> None:
    held = sell(tenant_a, {"people.seats": 100}, seats_total=100)
    first = [uuid4() for _ in range(98)]
    assert seats.take(tenant_a, first) == 98
    assert seats.take(tenant_a, first[:10]) == 0
    with pytest.raises(SeatsFull) as refused:
        seats.take(tenant_a, [uuid4(), uuid4(), uuid4()])
    assert (refused.value.status, refused.value.extra) == (
        402,
        {"used": 98, "total": 100, "wanted": 3},
    )
    assert seats.status(tenant_a) == seats.SeatStatus(98, 100)
    assert SeatAssignment.objects.filter(license=held).count() == 98
    assert seats.take(tenant_a, [uuid4(), uuid4()]) == 2
    assert seats.release(tenant_a, first[:5]) == 5
    assert seats.release(tenant_a, first[:5]) == 0
    assert seats.status(tenant_a).free == 5


@pytest.mark.django_db
def test_an_invitation_holds_the_seat_that_the_person_keeps(
    tenant_a: TenantInfo, sell: Sell
) -> None:
    held = sell(tenant_a, {"people.seats": 1}, seats_total=1)
    lina = uuid4()
    assert seats.take(tenant_a, [lina], invited=True) == 1
    with pytest.raises(SeatsFull):
        seats.take(tenant_a, [uuid4()], invited=True)
    assert seats.take(tenant_a, [lina]) == 0
    assert SeatAssignment.objects.get(license=held).state == "active"
    # A second invitation of somebody who is there does not put her back to invited.
    assert seats.take(tenant_a, [lina], invited=True) == 0
    assert SeatAssignment.objects.get(license=held).state == "active"
    assert seats.status(tenant_a).used == 1


@pytest.mark.django_db
def test_fewer_seats_than_people_flag_the_licence_and_remove_nobody(
    tenant_a: TenantInfo, sell: Sell
) -> None:
    held = sell(tenant_a, {"people.seats": 3}, seats_total=3)
    people = [uuid4() for _ in range(3)]
    seats.take(tenant_a, people)
    seats.set_total(held, 2)
    assert seats.status(tenant_a) == seats.SeatStatus(3, 2, is_over_limit=True)
    with pytest.raises(SeatsFull):
        seats.take(tenant_a, [uuid4()])
    seats.set_total(held, 3)
    assert seats.status(tenant_a) == seats.SeatStatus(3, 3)


@pytest.mark.django_db
def test_seats_of_one_tenant_are_not_those_of_another(
    tenant_a: TenantInfo, tenant_b: TenantInfo, sell: Sell
) -> None:
    sell(tenant_a, {"people.seats": 1}, seats_total=1)
    sell(tenant_b, {"people.seats": 1}, seats_total=1)
    lina = uuid4()
    assert (seats.take(tenant_a, [lina]), seats.take(tenant_b, [lina])) == (1, 1)
    assert seats.release(tenant_b, [lina]) == 1
    assert seats.status(tenant_a).used == 1


@pytest.mark.django_db
def test_spaces_without_a_plan_and_the_operator_are_not_counted(
    tenant_a: TenantInfo, hq: TenantInfo
) -> None:
    assert seats.take(tenant_a, [uuid4()]) == 0
    assert seats.status(hq) == seats.SeatStatus(0, None)


def test_two_hundred_people_at_once_for_a_hundred_seats(own_database: str, sell: Sell) -> None:
    tenant = school()
    held = sell(tenant, {"people.seats": 100}, seats_total=100)

    def sit(_number: int) -> int:
        try:
            return seats.take(tenant, [uuid4()])
        except SeatsFull:
            return 0

    assert sum(at_once(200, sit)) == 100
    assert SeatAssignment.objects.filter(license=held).count() == 100
    assert License.objects.get(pk=held.pk).seats_used == 100
    assert seats.recount(tenant) == []
    found = registry.by_slug("mecaformation")
    assert found is not None
    assert seats.status(found).free == 0
