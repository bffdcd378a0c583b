"""The dispatcher against plugins that misbehave: each expected outcome of the support plugins."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from tremplin.api import Evidence, NavItem, NextAction, PersonRef, Section, Widget, hookspecs
from tremplin.kernel.breaker import FAILURES, OPEN_SECONDS, WINDOW_SECONDS, Breaker
from tremplin.kernel.dispatch import Contribution, dispatcher

Support = Callable[..., list[Any]]
ALL = frozenset({"dummy", "raises", "raises_late", "breaks_database", "wrong_type", "slow"})
FIRST, SECOND = (
    NavItem("First", "dummy:home", "puzzle", order=10),
    NavItem("Second", "dummy:home", "puzzle", order=20),
)
DUMMY_NAVIGATION = [Contribution("dummy", FIRST), Contribution("dummy", SECOND)]


def test_dummy_answers_every_question(support: Support, context: Any) -> None:
    support("dummy")
    on = frozenset({"dummy"})
    person = PersonRef(UUID(int=5), "Ada", "ada@example.org", "fr", frozenset({"learner"}))
    assert dispatcher.collect(hookspecs.navigation, on, ctx=context) == DUMMY_NAVIGATION
    assert dispatcher.collect(hookspecs.dashboard_widgets, on, ctx=context) == [
        Contribution("dummy", Widget("hello", "Hello plain", "/app/dummy/widget/"))
    ]
    assert dispatcher.collect(hookspecs.profile_sections, on, ctx=context, person=person) == [
        Contribution("dummy", Section("about", "Ada", "/app/dummy/widget/"))
    ]
    assert dispatcher.collect(hookspecs.next_actions, on, ctx=context) == [
        Contribution("dummy", NextAction("Try it", "/app/dummy/", weight=5))
    ]
    assert dispatcher.collect(hookspecs.skill_evidence, on, ctx=context, person=person) == [
        Contribution(
            "dummy",
            Evidence("testing", "dummy", "A test", 1.0, datetime(2026, 1, 2, tzinfo=UTC)),
        )
    ]


@pytest.mark.parametrize("broken", ["raises", "raises_late", "wrong_type"])
def test_a_failing_plugin_hides_nobody_and_shows_nothing(
    support: Support, context: Any, broken: str
) -> None:
    support("dummy", broken)
    assert dispatcher.collect(hookspecs.navigation, ALL, ctx=context) == DUMMY_NAVIGATION
    metrics = dispatcher.watch.metrics()
    assert metrics[(broken, "navigation")].failures == 1
    assert metrics[("dummy", "navigation")].failures == 0


def test_a_plugin_that_is_not_enabled_is_not_asked(support: Support, context: Any) -> None:
    support("dummy", "raises")
    answers = dispatcher.collect(hookspecs.navigation, frozenset({"dummy"}), ctx=context)
    assert answers == DUMMY_NAVIGATION
    assert ("raises", "navigation") not in dispatcher.watch.metrics()
    assert dispatcher.collect(hookspecs.navigation, frozenset(), ctx=context) == []


def test_the_breaker_opens_after_five_failures(support: Support, context: Any) -> None:
    support("raises")
    for _attempt in range(FAILURES + 3):
        dispatcher.collect(hookspecs.navigation, ALL, ctx=context)
    assert dispatcher.watch.metrics()[("raises", "navigation")].failures == FAILURES
    (degraded,) = dispatcher.watch.degraded()
    assert (degraded.plugin, degraded.hook, degraded.error) == (
        "raises",
        "navigation",
        "RuntimeError",
    )
    dispatcher.collect(hookspecs.dashboard_widgets, ALL, ctx=context)
    assert dispatcher.watch.metrics()[("raises", "dashboard_widgets")].failures == 1


@pytest.mark.django_db
def test_a_broken_query_leaves_the_callers_transaction_usable(
    support: Support, context: Any
) -> None:
    support("dummy", "breaks_database")
    with transaction.atomic():
        assert dispatcher.collect(hookspecs.navigation, ALL, ctx=context) == DUMMY_NAVIGATION
        with connection.cursor() as cursor:
            cursor.execute("SELECT 41 + 1")
            assert cursor.fetchone() == (42,)
    assert dispatcher.watch.metrics()[("breaks_database", "navigation")].failures == 1


def test_a_slow_plugin_answers_and_is_warned_about(
    support: Support, context: Any, caplog: pytest.LogCaptureFixture
) -> None:
    support("slow")
    with caplog.at_level(logging.WARNING, "tremplin.kernel.dispatch"):
        answers = dispatcher.collect(hookspecs.dashboard_widgets, ALL, ctx=context)
    assert answers == [Contribution("slow", Widget("slow", "Slow", "/app/slow/widget/"))]
    (record,) = [item for item in caplog.records if item.name == "tremplin.kernel.dispatch"]
    assert record.getMessage().startswith("hook dashboard_widgets of slow took ")
    assert record.getMessage().endswith("ms (budget 50 ms)")


def test_positional_arguments_are_refused(context: Any) -> None:
    with pytest.raises(TypeError, match="keyword-only"):
        dispatcher.collect(hookspecs.navigation, ALL, context)
    with pytest.raises(TypeError, match="keyword-only"):
        dispatcher.call_one(hookspecs.activated, "dummy", context, True)


def test_every_call_is_traced_on_request(
    support: Support, context: Any, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TRACE_HOOKS = True
    support("dummy", "raises")
    with caplog.at_level(logging.INFO, "tremplin.kernel.dispatch"):
        dispatcher.collect(hookspecs.navigation, ALL, ctx=context)
    shown = [item.getMessage().split(" ms ")[1] for item in caplog.records if " ms " in item.msg]
    assert shown == ["2 answers", "failed: RuntimeError('navigation is broken')"]


@pytest.mark.django_db
def test_a_life_cycle_hook_has_its_own_transaction_and_its_errors_propagate(
    support: Support, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.plugins.dummy import plugin as module

    monkeypatch.setattr(module, "CALLS", [])
    support("dummy", "raises")
    dispatcher.call_one(hookspecs.activated, "dummy", ctx=context, first_time=True)
    dispatcher.call_one(hookspecs.seed_demo, "dummy", ctx=context, seed=7)
    assert module.CALLS == [("activated", "plain", True), ("seed_demo", "plain", 7)]
    assert dispatcher.call_one(hookspecs.seed_demo, "raises", ctx=context, seed=7) is None


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _fail(breaker: Breaker, times: int = 1, tenant: str = "a") -> None:
    for _attempt in range(times):
        breaker.failed(tenant, "p", "h", ValueError("no"))


def test_the_breaker_is_of_one_tenant_plugin_and_hook() -> None:
    breaker = Breaker(Clock())
    _fail(breaker, FAILURES)
    assert breaker.allows("a", "p", "h") is False
    assert breaker.allows("b", "p", "h") is True
    assert breaker.allows("a", "q", "h") is True
    assert breaker.allows("a", "p", "g") is True


def test_failures_spread_over_more_than_a_minute_do_not_open() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _attempt in range(12):
        _fail(breaker)
        clock.now += WINDOW_SECONDS / 4 + 0.1
    assert breaker.state("a", "p", "h") == "closed"
    _fail(breaker)
    assert breaker.state("a", "p", "h") == "closed"
    _fail(breaker)
    assert breaker.state("a", "p", "h") == "open"


def test_one_probe_after_five_minutes_closes_or_opens_again() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    _fail(breaker, FAILURES)
    clock.now += OPEN_SECONDS - 0.1
    assert breaker.allows("a", "p", "h") is False
    clock.now += 0.2
    assert [breaker.allows("a", "p", "h") for _caller in range(3)] == [True, False, False]
    _fail(breaker)
    assert breaker.state("a", "p", "h") == "open"
    assert breaker.allows("a", "p", "h") is False
    clock.now += OPEN_SECONDS
    assert breaker.allows("a", "p", "h") is True
    breaker.succeeded("a", "p", "h", 0.001)
    assert breaker.state("a", "p", "h") == "closed"
    assert breaker.degraded() == []
