"""How much of each module's meters a space has used in the present period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import get_language

from tremplin.licensing import entitlements, features

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


@dataclass(frozen=True, slots=True)
class Used:
    """A meter of the whole space."""

    label: str
    used: int
    limit: int | None
    resets_at: datetime | None

    @property
    def percent(self) -> int | None:
        """Return how much is used, None without a limit."""
        return None if not self.limit else min(100, self.used * 100 // self.limit)


def of(tenant: TenantInfo) -> dict[str, list[Used]]:
    """Return the meters of the whole space by module (the first part of their key)."""
    language = get_language() or "en"
    found: dict[str, list[Used]] = {}
    held = entitlements.for_tenant(tenant)
    for key, feature in features.declared().items():
        if feature.kind != "metered":
            continue
        decision = held.check(key)
        if decision.reason in {"not_entitled", "unlimited", "unknown_feature"}:
            continue
        module = feature.module or key.split(".", 1)[0]
        found.setdefault(module, []).append(
            Used(
                feature.label.in_language(language),
                decision.used,
                decision.limit,
                decision.resets_at,
            )
        )
    return found
