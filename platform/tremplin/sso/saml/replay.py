"""Each assertion opens one session: its identifier is remembered as long as it is valid."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from tremplin.kernel.cache import TenantCache
from tremplin.sso.saml.examination import SKEW

LONGEST = 24 * 3600


def is_new(issuer: str, assertion_id: str, valid_until: datetime | None) -> bool:
    """Remember an assertion and tell whether it was not seen before in this space.

    Raises ``kernel.cache.CacheUnavailable``: what cannot be remembered is not accepted.
    """
    digest = hashlib.sha256(f"{issuer}\n{assertion_id}".encode()).hexdigest()
    left = LONGEST
    if valid_until is not None:
        left = int((valid_until + SKEW - datetime.now(UTC)).total_seconds()) + 1
    return TenantCache().add(f"saml:seen:{digest}", 1, max(60, min(left, LONGEST)))
