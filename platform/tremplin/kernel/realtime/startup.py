"""Builds the hub and the bus that the settings choose."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from tremplin.kernel.realtime.bus import Bus, MemoryBus, PostgresBus, RedisBus
from tremplin.kernel.realtime.hub import Hub, Limits
from tremplin.kernel.tasks.broker import libpq_dsn


@lru_cache(maxsize=1)
def bus() -> Bus:
    """Return the bus of this process (setting ``REALTIME_BUS``: postgres, redis or memory)."""
    choice = getattr(settings, "REALTIME_BUS", "postgres")
    if choice == "memory":
        return MemoryBus()
    if choice == "redis":
        return RedisBus(settings.REALTIME_REDIS_URL)
    return PostgresBus(libpq_dsn(settings.DATABASES["default"]))


def build_hub() -> Hub:
    """Return a hub with the limits of the settings (``REALTIME_LIMITS``, a mapping)."""
    return Hub(Limits(**getattr(settings, "REALTIME_LIMITS", {})))
