"""Rate limits per tenant: fixed windows counted in the tenant's cache, on the real clock."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from tremplin.kernel.cache import TenantCache

_cache = TenantCache()


@dataclass(frozen=True, slots=True)
class Throttled:
    """The limit was reached; ``retry_after`` seconds remain in the window."""

    retry_after: int


def hit(scope: str, key: str, *, limit: int, seconds: int) -> Throttled | None:
    """Count one call of ``key`` in ``scope``; return ``Throttled`` beyond ``limit`` per window.

    ``key`` may name a person or an address: only its digest is stored. ``seconds`` is the length of
    the window. The count is atomic in Redis and within one process.
    """
    if limit < 1 or seconds < 1:
        raise ValueError("a limit and a window are at least 1")
    moment = time.time()
    window = int(moment // seconds)
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    name = f"throttle:{scope}:{digest}:{window}"
    if _count(name, seconds) <= limit:
        return None
    return Throttled(max(1, int((window + 1) * seconds - moment)))


def _count(name: str, seconds: int) -> int:
    """Add one to the counter and return it; exact however many callers come at once."""
    while True:
        if _cache.add(name, 1, seconds + 1):
            return 1
        try:
            return _cache.incr(name)
        except ValueError:  # it expired between the two calls: exactly one caller adds it again
            continue
