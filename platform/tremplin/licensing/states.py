"""What a licence allows at an instant, computed from its dates alone.

A job records the transitions; nothing waits for it: reading after the date is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

State = Literal["trialing", "active", "past_due", "grace", "suspended", "ended"]
Mode = Literal["on", "read_only", "off"]
# An unpaid licence is suspended this long before it ends.
SUSPENDED_DAYS = 60


@dataclass(frozen=True, slots=True)
class Durations:
    """Days of each stage, from the version of the plan."""

    past_due: int = 14
    grace: int = 7
    read_only: int = 30
    keep: int = 90


@dataclass(frozen=True, slots=True)
class Facts:
    """What happened to a licence; every instant is aware."""

    is_trial: bool
    valid_until: datetime | None = None
    unpaid_since: datetime | None = None
    ended_at: datetime | None = None
    durations: Durations = Durations()


@dataclass(frozen=True, slots=True)
class StateAt:
    """The state at an instant, since when, what it allows, and when that changes by itself."""

    state: State
    since: datetime | None
    mode: Mode
    changes_at: datetime | None


def state_at(facts: Facts, now: datetime) -> StateAt:
    """Return the state of a licence at ``now`` (table of the six states)."""
    ended = facts.ended_at
    unpaid = facts.unpaid_since
    if ended is None and facts.valid_until is not None and facts.valid_until <= now:
        ended = facts.valid_until
    if ended is None and unpaid is not None:
        late, grace, suspended = _stages(unpaid, facts.durations)
        if now >= suspended:
            ended = suspended
    if ended is not None and ended <= now:
        return _ended(ended, facts.durations, now)
    if unpaid is not None and unpaid <= now:
        late, grace, suspended = _stages(unpaid, facts.durations)
        if now < late:
            return StateAt("past_due", unpaid, "on", _earliest(late, facts.valid_until))
        if now < grace:
            return StateAt("grace", late, "on", _earliest(grace, facts.valid_until))
        return StateAt("suspended", grace, "read_only", _earliest(suspended, facts.valid_until))
    state: State = "trialing" if facts.is_trial else "active"
    return StateAt(state, None, "on", _earliest(facts.valid_until, unpaid, ended))


def suspended_at(unpaid: datetime, durations: Durations) -> datetime:
    """Return when a licence that is unpaid since ``unpaid`` is suspended, unless it is paid."""
    _late, suspended, _ended_ = _stages(unpaid, durations)
    return suspended


def mode_until(facts: Facts, now: datetime) -> datetime | None:
    """Return until when what is allowed at ``now`` stays the same, None without an end.

    Later than ``changes_at`` where only the state changes: a late payment closes nothing yet.
    """
    at = state_at(facts, now)
    until = at.changes_at
    while until is not None:
        after = state_at(facts, until)
        if after.mode != at.mode:
            return until
        until = after.changes_at
    return None


def purge_at(facts: Facts, now: datetime) -> datetime | None:
    """Return when the data of an ended licence may go, None while it runs."""
    found = state_at(facts, now)
    if found.state != "ended" or found.since is None:
        return None
    return found.since + timedelta(days=facts.durations.keep)


def _stages(unpaid: datetime, durations: Durations) -> tuple[datetime, datetime, datetime]:
    late = unpaid + timedelta(days=durations.past_due)
    grace = late + timedelta(days=durations.grace)
    return late, grace, grace + timedelta(days=SUSPENDED_DAYS)


def _ended(ended: datetime, durations: Durations, now: datetime) -> StateAt:
    closes = ended + timedelta(days=durations.read_only)
    if now < closes:
        return StateAt("ended", ended, "read_only", closes)
    return StateAt("ended", ended, "off", None)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
