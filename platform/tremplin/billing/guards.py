"""Who may refuse a sale before it is quoted: the marketplace, which lies above billing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenants.registry import TenantInfo
    from tremplin.licensing.models import PlanVersion

Guard = Callable[["TenantInfo", "PlanVersion"], None]
_guards: list[Guard] = []


def register(guard: Guard) -> None:
    """Ask ``guard(tenant, version)`` before each sale; it raises a ``Problem`` to refuse."""
    if guard not in _guards:
        _guards.append(guard)


def check(tenant: TenantInfo, version: PlanVersion) -> None:
    """Raise the ``Problem`` of the first guard that refuses the sale of ``version``."""
    for guard in _guards:
        guard(tenant, version)
