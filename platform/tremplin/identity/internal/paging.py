"""Cursor pages of ordered lists for the API."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.db.models import QuerySet

from tremplin.api.http import Problem

MAX_LIMIT = 100
MAX_OFFSET = 1_000_000


def page_of(queryset: QuerySet[Any], cursor: str, limit: int) -> tuple[list[Any], str | None]:
    """Return one page of a stably ordered list and the cursor of the next one.

    ``cursor`` is opaque to callers. Raises ``Problem`` 422 ``invalid_cursor`` or ``invalid_limit``.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise Problem(422, "invalid_limit", f"limit must be between 1 and {MAX_LIMIT}.")
    start = 0
    if cursor:
        try:
            start = int(base64.urlsafe_b64decode(cursor.encode()).decode("ascii"))
        except (ValueError, binascii.Error) as error:
            raise Problem(422, "invalid_cursor", "Use the cursor of the previous page.") from error
        if not 0 <= start <= MAX_OFFSET:
            raise Problem(422, "invalid_cursor", "Use the cursor of the previous page.")
    rows = list(queryset[start : start + limit + 1])
    following = None
    if len(rows) > limit:
        following = base64.urlsafe_b64encode(str(start + limit).encode()).decode()
    return rows[:limit], following
