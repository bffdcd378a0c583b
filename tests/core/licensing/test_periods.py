"""Meters start again at local dates, whatever the month's length or the clock change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tremplin.licensing import periods

PARIS = "Europe/Paris"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("reset", "now", "start", "end"),
    [
        ("month", "2026-11-20T08:00+00:00", "2026-10-31T23:00+00:00", "2026-11-30T23:00+00:00"),
        ("month", "2026-10-31T23:00+00:00", "2026-10-31T23:00+00:00", "2026-11-30T23:00+00:00"),
        ("month", "2026-10-31T22:59+00:00", "2026-09-30T22:00+00:00", "2026-10-31T23:00+00:00"),
        # The day the clocks go back lasts 25 hours.
        ("day", "2026-10-25T12:00+00:00", "2026-10-24T22:00+00:00", "2026-10-25T23:00+00:00"),
        # The day they go forward lasts 23.
        ("day", "2026-03-29T12:00+00:00", "2026-03-28T23:00+00:00", "2026-03-29T22:00+00:00"),
        ("week", "2026-11-20T08:00+00:00", "2026-11-15T23:00+00:00", "2026-11-22T23:00+00:00"),
        ("month", "2026-12-31T22:30+00:00", "2026-11-30T23:00+00:00", "2026-12-31T23:00+00:00"),
    ],
)
def test_calendar_periods(reset: str, now: str, start: str, end: str) -> None:
    assert periods.bounds(reset, at(now), PARIS) == (at(start), at(end))


def test_a_billing_period_is_counted_from_its_anchor() -> None:
    anchor = at("2026-01-31T09:00+01:00")
    found = [
        periods.bounds("period", at(now), PARIS, anchor)[0].astimezone(anchor.tzinfo).day
        for now in ("2026-02-10T00:00Z", "2026-03-10T00:00Z", "2026-04-10T00:00Z")
    ]
    assert found == [31, 28, 31]
    start, end = periods.bounds("period", at("2026-03-31T08:00Z"), PARIS, anchor)
    # Nine o'clock in Paris stays nine o'clock after the clocks went forward.
    assert (start, end) == (at("2026-03-31T09:00+02:00"), at("2026-04-30T09:00+02:00"))


def test_a_meter_that_never_resets_has_no_end() -> None:
    assert periods.bounds("lifetime", at("2026-11-20T08:00Z"), PARIS) == (
        datetime(1970, 1, 1, tzinfo=UTC),
        None,
    )
