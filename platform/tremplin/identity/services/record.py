"""How changes are recorded in the audit log."""

from __future__ import annotations

from tremplin.identity.models import User


def audit(kind: str, *, target: str = "", data: dict[str, object] | None = None) -> None:
    """Record an event of the current actor; lost with the transaction that it belongs to."""
    from tremplin.api import services

    services.audit().record(kind, target=target, data=data)


def target(person: User) -> str:
    """Return how the audit log names ``person``."""
    return f"person:{person.pk}"
