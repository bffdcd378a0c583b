"""What core applications add to provisioning, to the migrator, to purging and to the demo.

Registered in ``AppConfig.ready()``; ordered by ``order`` then by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenants.provisioning import NewTenant
    from tenants.registry import TenantInfo

ProvisioningFunction = Callable[["TenantInfo", "NewTenant"], None]
DemoFunction = Callable[["TenantInfo", dict[str, Any], str], None]


@dataclass(frozen=True, slots=True)
class ProvisioningStep:
    order: int
    name: str
    run: ProvisioningFunction


@dataclass(frozen=True, slots=True)
class DemoStep:
    order: int
    name: str
    run: DemoFunction


_provisioning: dict[str, ProvisioningStep] = {}
_demo: dict[str, DemoStep] = {}
_syncs: dict[str, Callable[[], None]] = {}
_fingerprints: dict[str, Callable[[], str]] = {}
_purges: dict[str, Callable[[TenantInfo], None]] = {}
_rows: set[str] = {
    "django_migrations",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
}


def _add(table: dict[str, Any], name: str, value: Any) -> None:
    if name in table:
        raise RuntimeError(f"the step {name!r} is already registered")
    table[name] = value


def register_provisioning_step(name: str, order: int, fn: ProvisioningFunction) -> None:
    """Run ``fn(tenant, new)`` inside ``use(tenant)``, in the transaction that creates a space."""
    _add(_provisioning, name, ProvisioningStep(order, name, fn))


def register_demo_step(name: str, order: int, fn: DemoFunction) -> None:
    """Run ``fn(tenant, world, key)`` inside ``use(tenant)`` when the demo world is loaded."""
    _add(_demo, name, DemoStep(order, name, fn))


def register_schema_sync(name: str, fn: Callable[[], None]) -> None:
    """Run ``fn()`` inside every schema, the template included, when the fingerprint moved."""
    _add(_syncs, name, fn)


def register_fingerprint(name: str, fn: Callable[[], str]) -> None:
    """Add ``fn()`` to what makes the migrator run the schema syncs (roles, permissions)."""
    _add(_fingerprints, name, fn)


def register_purge(name: str, fn: Callable[[TenantInfo], None]) -> None:
    """Run ``fn(tenant)`` inside ``public_write`` when a space is erased for good."""
    _add(_purges, name, fn)


def allow_template_rows(*tables: str) -> None:
    """Let ``tables`` hold structural rows in the template; they are copied to new spaces."""
    _rows.update(tables)


def provisioning_steps() -> list[ProvisioningStep]:
    return sorted(_provisioning.values(), key=lambda step: (step.order, step.name))


def demo_steps() -> list[DemoStep]:
    return sorted(_demo.values(), key=lambda step: (step.order, step.name))


def schema_syncs() -> list[tuple[str, Callable[[], None]]]:
    return sorted(_syncs.items())


def fingerprints() -> list[tuple[str, Callable[[], str]]]:
    return sorted(_fingerprints.items())


def purges() -> list[tuple[str, Callable[[TenantInfo], None]]]:
    return sorted(_purges.items())


def template_rows() -> frozenset[str]:
    """Return the tables of the template that may hold rows."""
    return frozenset(_rows)
