"""The business clock: frozen in tests, running ahead by an offset in the demo, real otherwise.

Sessions, tokens, one-time codes and locks use the real clock (``django.utils.timezone.now``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

OFFSET_CACHE_SECONDS = 1.0
MOVABLE_MODES = frozenset({"demo", "dev"})

_frozen: ContextVar[datetime | None] = ContextVar("frozen_clock", default=None)
_frozen_everywhere: datetime | None = None
_lock = threading.Lock()
_cached: tuple[float, timedelta] | None = None


def now() -> datetime:
    """Return the business time, aware, in UTC."""
    held = _frozen.get() or _frozen_everywhere
    if held is not None:
        return held
    if settings.MODE in MOVABLE_MODES:
        return timezone.now() + offset()
    return timezone.now()


def today(tz: str) -> date:
    """Return the business date in the IANA time zone ``tz`` (``Europe/Paris``)."""
    return now().astimezone(ZoneInfo(tz)).date()


def offset() -> timedelta:
    """Return how far the demo clock runs ahead, at most one second old."""
    global _cached
    cached = _cached
    moment = time.monotonic()
    if cached is not None and moment - cached[0] < OFFSET_CACHE_SECONDS:
        return cached[1]
    from tremplin.kernel.state.models import DemoClock

    row = DemoClock.objects.filter(pk=1).values_list("offset_seconds", flat=True).first()
    value = timedelta(seconds=row or 0)
    with _lock:
        _cached = (moment, value)
    return value


def set_offset(seconds: int) -> None:
    """Move the demo clock: ``seconds`` ahead of the real one (negative: behind).

    Raises ``RuntimeError`` outside the modes demo and dev.
    """
    global _cached
    if settings.MODE not in MOVABLE_MODES:
        raise RuntimeError("the clock moves in a demo only")
    from tremplin.api import services
    from tremplin.kernel.state.models import DemoClock

    with services.tenancy().public_write("demo clock"):
        DemoClock.objects.update_or_create(pk=1, defaults={"offset_seconds": seconds})
    with _lock:
        _cached = None


@contextmanager
def frozen_at(moment: datetime, *, every_thread: bool = False) -> Iterator[None]:
    """Hold the clock at ``moment`` (aware); used by ``tremplin.testing.freeze`` only.

    With ``every_thread`` the whole process sees the frozen time, threads started later included.
    """
    global _frozen_everywhere
    if timezone.is_naive(moment):
        raise ValueError("freeze the clock at an aware date and time")
    if every_thread:
        former, _frozen_everywhere = _frozen_everywhere, moment
        try:
            yield
        finally:
            _frozen_everywhere = former
        return
    token = _frozen.set(moment)
    try:
        yield
    finally:
        _frozen.reset(token)
