"""The one ContextVar that says whose request, task or command this is.

Importable without Django. Only ``tenants`` sets it; everyone may read it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol
from uuid import UUID


class CurrentTenant(Protocol):
    """What every layer may read of the current tenant without a query."""

    @property
    def pk(self) -> int: ...
    @property
    def uuid(self) -> UUID: ...
    @property
    def schema_name(self) -> str: ...
    @property
    def slug(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def locale(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def theme(self) -> str: ...
    @property
    def primary_host(self) -> str: ...


current_tenant: ContextVar[CurrentTenant | None] = ContextVar("current_tenant", default=None)


class NoTenant(RuntimeError):  # noqa: N818  reads as the state it reports
    """Raised when code that belongs to one tenant runs outside any tenant."""


def tenant_required() -> CurrentTenant:
    """Return the current tenant; raise ``NoTenant`` outside any."""
    tenant = current_tenant.get()
    if tenant is None:
        raise NoTenant("this code runs inside one tenant only")
    return tenant


def tenant_key() -> str:
    """Return the prefix that keys, salts and paths of the current tenant derive from."""
    tenant = current_tenant.get()
    return "public" if tenant is None else str(tenant.uuid)
