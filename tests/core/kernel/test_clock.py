"""The business clock: frozen, moved in a demo, real otherwise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tremplin.kernel import clock
from tremplin.kernel.context import build
from tremplin.testing import freeze as frozen

MOMENT = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)


def test_freeze_holds_and_lets_go(freeze: Callable[[Any], datetime]) -> None:
    assert freeze("2026-03-02T23:30:00+00:00") == MOMENT
    assert clock.now() == MOMENT
    assert clock.today("Europe/Paris") == date(2026, 3, 3)
    assert clock.today("America/Montreal") == date(2026, 3, 2)


def test_freezes_nest() -> None:
    with frozen(MOMENT):
        with frozen(MOMENT + timedelta(days=1)):
            assert clock.now() == MOMENT + timedelta(days=1)
        assert clock.now() == MOMENT
    assert abs(clock.now() - timezone.now()) < timedelta(seconds=5)


def test_every_thread_sees_a_frozen_clock(freeze: Callable[[Any], datetime]) -> None:
    freeze(MOMENT)
    seen: list[datetime] = []
    thread = threading.Thread(target=lambda: seen.append(clock.now()))
    thread.start()
    thread.join()
    assert seen == [MOMENT]


def test_a_naive_date_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"), frozen("2026-03-02T08:00:00"):
        pass


def test_the_context_tells_the_time_of_its_space(plain_tenant: Any) -> None:
    ctx = build(plain_tenant, None, frozenset)
    with frozen(MOMENT):
        assert ctx.now().isoformat() == "2026-03-03T00:30:00+01:00"


def test_the_clock_does_not_move_outside_a_demo() -> None:
    with pytest.raises(RuntimeError, match="in a demo only"):
        clock.set_offset(60)


@pytest.mark.django_db
def test_a_demo_clock_runs_ahead_of_the_real_one(settings: Any) -> None:
    settings.MODE = "demo"
    clock.set_offset(86_400)
    ahead = clock.now() - timezone.now()
    assert abs(ahead - timedelta(days=1)) < timedelta(seconds=5)
    clock.set_offset(0)
    assert abs(clock.now() - timezone.now()) < timedelta(seconds=5)


@pytest.mark.django_db
def test_the_offset_is_read_once_a_second(
    settings: Any, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    settings.MODE = "demo"
    clock.set_offset(0)
    moment = [500.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: moment[0])
    with django_assert_num_queries(1):
        clock.now()
        moment[0] += clock.OFFSET_CACHE_SECONDS - 0.01
        clock.now()
    with django_assert_num_queries(1):
        moment[0] += 0.02
        clock.now()
