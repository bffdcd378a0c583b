"""The six states of a licence, on both sides of each date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tremplin.licensing.states import Facts, mode_until, purge_at, state_at

T0 = datetime(2026, 11, 20, 8, tzinfo=UTC)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("facts", "days", "state", "mode"),
    [
        (Facts(is_trial=True, valid_until=T0 + 14 * DAY), 0, "trialing", "on"),
        (Facts(is_trial=True, valid_until=T0 + 14 * DAY), 13.99, "trialing", "on"),
        (Facts(is_trial=True, valid_until=T0 + 14 * DAY), 14, "ended", "read_only"),
        (Facts(is_trial=True, valid_until=T0 + 14 * DAY), 43.99, "ended", "read_only"),
        (Facts(is_trial=True, valid_until=T0 + 14 * DAY), 44, "ended", "off"),
        (Facts(is_trial=False), 4000, "active", "on"),
        (Facts(is_trial=False, unpaid_since=T0), 0, "past_due", "on"),
        (Facts(is_trial=False, unpaid_since=T0), 13.99, "past_due", "on"),
        (Facts(is_trial=False, unpaid_since=T0), 14, "grace", "on"),
        (Facts(is_trial=False, unpaid_since=T0), 21, "suspended", "read_only"),
        (Facts(is_trial=False, unpaid_since=T0), 80.99, "suspended", "read_only"),
        (Facts(is_trial=False, unpaid_since=T0), 81, "ended", "read_only"),
        (Facts(is_trial=False, unpaid_since=T0), 111, "ended", "off"),
        (Facts(is_trial=False, unpaid_since=T0 + DAY), 0, "active", "on"),
        (Facts(is_trial=False, ended_at=T0 + DAY), 0, "active", "on"),
        (Facts(is_trial=False, ended_at=T0), 0, "ended", "read_only"),
    ],
)
def test_state_at(facts: Facts, days: float, state: str, mode: str) -> None:
    found = state_at(facts, T0 + days * DAY)
    assert (found.state, found.mode) == (state, mode)


def test_each_state_says_when_it_changes_and_the_change_is_then_true() -> None:
    facts = Facts(is_trial=False, unpaid_since=T0 + DAY)
    moment, seen = T0, []
    while True:
        found = state_at(facts, moment)
        seen.append((found.state, found.mode))
        if found.changes_at is None:
            break
        before = state_at(facts, found.changes_at - TICK)
        assert (before.state, before.mode) == (found.state, found.mode)
        moment = found.changes_at
    assert seen == [
        ("active", "on"),
        ("past_due", "on"),
        ("grace", "on"),
        ("suspended", "read_only"),
        ("ended", "read_only"),
        ("ended", "off"),
    ]


def test_data_is_kept_ninety_days_after_the_end() -> None:
    facts = Facts(is_trial=True, valid_until=T0)
    assert purge_at(facts, T0 - TICK) is None
    assert purge_at(facts, T0) == T0 + 90 * DAY


@pytest.mark.parametrize(
    ("facts", "days", "until"),
    [
        # Late: nothing closes before the plan is suspended, 21 days later.
        (Facts(is_trial=False, unpaid_since=T0 + 5 * DAY), 0, 26),
        (Facts(is_trial=False, unpaid_since=T0), 1, 21),
        (Facts(is_trial=False, unpaid_since=T0), 15, 21),
        # Suspended for 60 days, then ended: both can be read, 90 days in all.
        (Facts(is_trial=False, unpaid_since=T0), 21, 111),
        (Facts(is_trial=True, valid_until=T0 + 14 * DAY), 0, 14),
        (Facts(is_trial=True, valid_until=T0 + 14 * DAY), 14, 44),
        (Facts(is_trial=False, ended_at=T0), 30, None),
        (Facts(is_trial=False), 0, None),
    ],
)
def test_until_when_the_same_is_allowed(facts: Facts, days: int, until: int | None) -> None:
    expected = None if until is None else T0 + until * DAY
    assert mode_until(facts, T0 + days * DAY) == expected
