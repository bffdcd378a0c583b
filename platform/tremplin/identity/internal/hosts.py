"""Which of its addresses a space is asked on."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def on_primary_host(request: HttpRequest) -> bool:
    """Tell whether the page is on the primary address of the space, where passkeys are kept."""
    tenant: Any = request.tenant  # type: ignore[attr-defined]
    return request.get_host().partition(":")[0] == tenant.primary_host.partition(":")[0]
