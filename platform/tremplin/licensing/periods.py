"""When a meter starts again, in the tenant's time zone."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def add_months(anchor: datetime, months: int) -> datetime:
    """Return the same local day and time ``months`` later, the last day of a shorter month.

    Counted from the anchor: 31 January, then 28 February, then 31 March again.
    """
    index = anchor.year * 12 + anchor.month - 1 + months
    year, month = divmod(index, 12)
    day = min(anchor.day, calendar.monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)


def months_between(anchor: datetime, moment: datetime) -> int:
    """Return how many whole months from ``anchor`` end at or before ``moment`` (both local)."""
    count = (moment.year - anchor.year) * 12 + moment.month - anchor.month
    return count if add_months(anchor, count) <= moment else count - 1


def bounds(
    reset: str, now: datetime, zone: str, anchor: datetime | None = None
) -> tuple[datetime, datetime | None]:
    """Return the start (UTC) of the meter's current period and its end, or None when it has none.

    ``reset`` is one of ``PlanEntitlement.Reset``; ``anchor`` starts the billing period of
    ``period``. A day, a week or a month begins at local midnight, whatever the clock change.
    """
    tz = ZoneInfo(zone)
    local = now.astimezone(tz)
    if reset in {"none", "lifetime"}:
        return EPOCH, None
    if reset == "period" and anchor is not None:
        # Wall-clock arithmetic: an hour more or less in spring must not move the anniversary.
        first = anchor.astimezone(tz).replace(tzinfo=None)
        count = months_between(first, local.replace(tzinfo=None))
        start, end = add_months(first, count), add_months(first, count + 1)
    else:
        today = local.date()
        if reset == "day":
            first_day, last_day = today, today + timedelta(days=1)
        elif reset == "week":
            first_day = today - timedelta(days=today.weekday())
            last_day = first_day + timedelta(days=7)
        else:
            first_day = today.replace(day=1)
            last_day = add_months(datetime.combine(first_day, time.min), 1).date()
        start = datetime.combine(first_day, time.min)
        end = datetime.combine(last_day, time.min)
    return start.replace(tzinfo=tz).astimezone(UTC), end.replace(tzinfo=tz).astimezone(UTC)
