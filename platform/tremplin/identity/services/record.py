"""How changes are recorded in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tremplin.identity.models import User

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


def audit(kind: str, *, target: str = "", data: dict[str, object] | None = None) -> None:
    """Record an event of the current actor; lost with the transaction that it belongs to."""
    from tremplin.api import services

    services.audit().record(kind, target=target, data=data)


def audit_at_operator(tenant: TenantInfo, kind: str, data: dict[str, object]) -> None:
    """Record in the operator's own space what its staff did in ``tenant``; nothing twice there."""
    from tenants import registry
    from tenants.context import use

    hq = registry.hq()
    if hq is not None and hq.pk != tenant.pk:
        with use(hq):
            audit(kind, target=f"tenant:{tenant.uuid}", data={**data, "by": "operator"})


def target(person: User) -> str:
    """Return how the audit log names ``person``."""
    return f"person:{person.pk}"
