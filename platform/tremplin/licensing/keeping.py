"""Modules whose last licence has ended: until when their data is kept, and what was told of it.

Nothing is erased here, ``tremplin.modules`` does it. Data goes only after the last notice has left,
and never before the day that it named: an installation that was stopped for a month tells first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tenants.registry import TenantInfo
from tremplin.kernel import clock
from tremplin.licensing import snapshots
from tremplin.licensing.models import License

NOTICES = (60, 80)
# Between the last notice and the day that it names.
TOLD_BEFORE = timedelta(days=10)
_MARK = "purge"


@dataclass(frozen=True, slots=True)
class Lost:
    """A module that no licence opens any more; ``licence`` is the one whose data is kept longest.

    ``announced`` is the day named by the last notice, None before it.
    """

    module: str
    licence: License
    ended_at: datetime
    keep: timedelta
    announced: datetime | None

    @property
    def is_due(self) -> bool:
        """Return whether its data may be erased now."""
        return self.announced is not None and self.announced <= clock.now()


def lost(tenant: TenantInfo) -> list[Lost]:
    """Return the modules that a space had and has no more, by slug."""
    found: dict[str, Lost] = {}
    running: set[str] = set()
    for licence in snapshots.all_of(tenant):
        at = snapshots.current_state(licence)
        if at.state != "ended" or at.since is None:
            running |= set(snapshots.modules_of(licence))
            continue
        keep = timedelta(days=snapshots.facts_of(licence).durations.keep)
        for module in snapshots.modules_of(licence):
            former = found.get(module)
            if former is None or at.since + keep >= former.ended_at + former.keep:
                day = announced(licence, module)
                found[module] = Lost(module, licence, at.since, keep, day)
    return [found[module] for module in sorted(found) if module not in running]


def day_of(ended_at: datetime, keep: timedelta) -> datetime:
    """Return the day to announce: the end of the time that data is kept, and time to act."""
    return max(ended_at + keep, clock.now() + TOLD_BEFORE)


def mark(day: datetime, module: str = "") -> str:
    """Return what a licence remembers of the day that was announced, for all or one module."""
    return f"{_MARK}:{module}:{day.isoformat(timespec='seconds')}"


def announced(licence: License, module: str) -> datetime | None:
    """Return the day on which the data of a module goes, as it was last told."""
    days = list(_marks(licence, module)) or list(_marks(licence, ""))
    return max(days, default=None)


def _marks(licence: License, module: str) -> Iterator[datetime]:
    start = f"{_MARK}:{module}:"
    for key in licence.noticed:
        if key.startswith(start):
            yield datetime.fromisoformat(key.removeprefix(start))
