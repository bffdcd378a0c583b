"""Each message leaves once, to the right people; too many people are announced, then closed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tenants.context import public_write
from tenants.registry import TenantInfo
from tremplin.identity import services as people
from tremplin.identity.models import User
from tremplin.licensing import consumption, notices, over_limit, seats, services
from tremplin.licensing.models import License, UsageBucket
from tremplin.notifications.models import Notification
from tremplin.testing import freeze

pytestmark = pytest.mark.django_db
Sell = Callable[..., License]
Inside = Callable[[TenantInfo], AbstractContextManager[None]]
NOON = datetime.fromisoformat("2026-11-20T12:00:00+01:00")
DAY = timedelta(days=1)
SESSIONS = "interview.sessions"


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def told(tenant: TenantInfo, inside: Inside) -> list[tuple[str, str]]:
    with inside(tenant):
        rows = Notification.objects.select_related("person")
        return sorted((row.person.email, row.key) for row in rows)


def spend(tenant: TenantInfo, person: UUID | None, count: int) -> None:
    for _number in range(count):
        consumption.consume(tenant, SESSIONS, person=person, idem=uuid4())


def test_a_person_is_warned_at_80_and_100_percent_once_per_period(
    tenant_a: TenantInfo, inside: Inside, sell: Sell
) -> None:
    with freeze(NOON):
        sell(tenant_a, {SESSIONS: {"value": 10, "reset": "month", "scope": "user"}})
        with inside(tenant_a):
            theo = people.create_person(email="theo@x.example", locale="fr").pk
            lina = people.create_person(email="lina@x.example", locale="en").pk
        spend(tenant_a, theo, 7)
        bucket = UsageBucket.objects.get(tenant_id=tenant_a.pk, subject=str(theo))
        with inside(tenant_a):
            assert notices.warn_quota(tenant_a, bucket.pk) == 0
        spend(tenant_a, theo, 1)
        with inside(tenant_a):
            assert notices.warn_quota(tenant_a, bucket.pk) == 1
            assert notices.warn_quota(tenant_a, bucket.pk) == 0
        spend(tenant_a, theo, 2)
        with inside(tenant_a):
            assert notices.warn_quota(tenant_a, bucket.pk) == 1
            assert notices.warn_quota(tenant_a, bucket.pk) == 0
            first = Notification.objects.get(person_id=theo, key="licensing.quota_80")
            assert first.title == "Sessions d’entretien\u202f: 8 sur 10 utilisés"
        spend(tenant_a, lina, 1)
    assert told(tenant_a, inside) == [
        ("theo@x.example", "licensing.quota_100"),
        ("theo@x.example", "licensing.quota_80"),
    ]
    with freeze(NOON + 30 * DAY):
        spend(tenant_a, theo, 8)
        bucket = UsageBucket.objects.filter(subject=str(theo)).latest("period_start")
        with inside(tenant_a):
            assert notices.warn_quota(tenant_a, bucket.pk) == 1


def test_the_meter_of_the_space_concerns_its_administrators(
    tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside, sell: Sell
) -> None:
    sell(tenant_a, {SESSIONS: {"value": 5, "reset": "month", "scope": "tenant"}})
    spend(tenant_a, None, 5)
    bucket = UsageBucket.objects.get(tenant_id=tenant_a.pk)
    with inside(tenant_a):
        people.create_person(email="nadia@x.example", roles=["admin"])
        notices.warn_quota(tenant_a, bucket.pk)
    with inside(tenant_b):
        assert notices.warn_quota(tenant_b, bucket.pk) == 0
    assert told(tenant_a, inside) == [
        ("nadia@x.example", "licensing.quota_100"),
        ("owner@mecaformation.example", "licensing.quota_100"),
    ]
    assert told(tenant_b, inside) == []


def test_reaching_a_level_queues_its_notice_with_the_count(
    tenant_a: TenantInfo, sell: Sell, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(tenant_a, {SESSIONS: {"value": 10, "reset": "month", "scope": "tenant"}})
    sent: list[int] = []
    monkeypatch.setattr(notices, "enqueue", lambda task, bucket: sent.append(bucket))
    counts = []
    for _number in range(10):
        spend(tenant_a, None, 1)
        counts.append(len(sent))
    assert counts == [0, 0, 0, 0, 0, 0, 0, 1, 1, 2]
    assert [notices.level(used, 10) for used in (7, 8, 10, 12)] == [0, 80, 100, 120]
    assert notices.level(500, None) == 0


def test_a_trial_is_recalled_three_days_and_a_day_before_and_at_its_end(
    tenant_a: TenantInfo, inside: Inside
) -> None:
    with freeze(NOON):
        services.start_trial(tenant_a, "quiz")
    sent = []
    for days in (0, 10, 11, 12, 13, 14, 15):
        with freeze(NOON + days * DAY), inside(tenant_a):
            services.record_transitions(tenant_a)
            sent.append((days, notices.send_due(tenant_a), notices.send_due(tenant_a)))
    assert sent == [
        (0, [], []),
        (10, [], []),
        (11, ["licensing.trial_3_days"], []),
        (12, [], []),
        (13, ["licensing.trial_1_day"], []),
        (14, ["licensing.trial_end"], []),
        (15, [], []),
    ]
    with inside(tenant_a):
        titles = list(Notification.objects.order_by("created_at").values_list("title", flat=True))
    assert titles == [
        "L’essai de Quiz se termine dans 3 jours",
        "L’essai de Quiz se termine dans 1 jour",
        "L’essai de Quiz est terminé",
    ]


def test_a_bought_trial_is_no_longer_recalled(tenant_a: TenantInfo, inside: Inside) -> None:
    with freeze(NOON):
        services.start_trial(tenant_a, "quiz")
        services.grant_module(tenant_a, "quiz", source="one_time")
    with freeze(NOON + 14 * DAY), inside(tenant_a):
        assert notices.send_due(tenant_a) == []


def test_an_unpaid_plan_is_told_at_each_stage_and_its_data_before_the_end(
    tenant_a: TenantInfo, inside: Inside, sell: Sell
) -> None:
    with freeze(NOON):
        held = sell(tenant_a, {"people.seats": 10})
        with public_write("test"):
            License.objects.filter(pk=held.pk).update(unpaid_since=NOON)
    sent = []
    for days in (0, 14, 21, 81, 140, 141, 161, 170, 171, 200):
        with freeze(NOON + days * DAY), inside(tenant_a):
            services.record_transitions(tenant_a)
            for key in notices.send_due(tenant_a) + notices.send_due(tenant_a):
                sent.append((days, key))
    assert sent == [
        (0, "licensing.past_due"),
        (14, "licensing.grace"),
        (21, "licensing.suspended"),
        (141, "licensing.kept_60"),
        (161, "licensing.kept_80"),
    ]


def test_too_many_people_are_announced_then_the_last_ones_lose_access(
    tenant_a: TenantInfo, inside: Inside, sell: Sell
) -> None:
    with freeze(NOON):
        held = sell(tenant_a, {"people.seats": 4}, seats_total=4)
    with inside(tenant_a):
        found = []
        for number in range(4):
            with freeze(NOON + number * timedelta(minutes=1)):
                found.append(
                    people.create_person(email=f"p{number}@x.example", first_name=f"P{number}")
                )
    with freeze(NOON + DAY):
        services.change_seats(tenant_a, held, 2)
        held.refresh_from_db()
        assert (held.is_over_limit, held.over_limit_since) == (True, NOON + DAY)
        assert over_limit.losing(held) == [found[3].pk, found[2].pk]
        with inside(tenant_a):
            assert over_limit.close_the_last(tenant_a) == []
            assert over_limit.close_the_last(tenant_a) == []
            assert Notification.objects.filter(key="licensing.over_limit").count() == 1
            body = Notification.objects.get(key="licensing.over_limit").body
            assert body.endswith("P3, P2.")
            # The administrator chooses somebody else: one fewer will be closed.
            people.suspend(found[0], "left")
    with freeze(NOON + 15 * DAY), inside(tenant_a):
        assert over_limit.close_the_last(tenant_a) == [found[3].pk]
        assert over_limit.close_the_last(tenant_a) == []
        states = dict(
            User.objects.filter(email__endswith="@x.example").values_list("first_name", "is_active")
        )
        assert states == {"P0": False, "P1": True, "P2": True, "P3": False}
    assert seats.status(tenant_a) == seats.SeatStatus(2, 2)
    held.refresh_from_db()
    assert held.over_limit_since is None
