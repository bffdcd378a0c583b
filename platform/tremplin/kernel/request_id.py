"""The identifier of the request or job in progress, for logs, audit rows and answers."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

current_request_id: ContextVar[str] = ContextVar("current_request_id", default="")
_ACCEPTED = re.compile(r"^[A-Za-z0-9-]{8,36}$")


def accepted_or_new(value: str) -> str:
    """Return a caller's id when it is harmless, a fresh one otherwise."""
    return value if _ACCEPTED.match(value) else uuid.uuid4().hex
