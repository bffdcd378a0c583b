"""The only ways to choose the current tenant: ``use``, ``public`` and ``public_write``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tenants.errors import NotReady
from tremplin.kernel.current import CurrentTenant, current_tenant

_write_reason: ContextVar[str] = ContextVar("tenants_public_write", default="")


def as_info(tenant: Any) -> CurrentTenant:
    """Return the immutable form of ``tenant`` (a ``Tenant`` row is looked up by its key)."""
    from tenants import registry
    from tenants.models import Tenant

    if not isinstance(tenant, Tenant):
        return tenant  # type: ignore[no-any-return]
    found = registry.by_pk(tenant.pk)
    if found is None:
        raise NotReady("The space %(slug)s is not in the registry.", slug=tenant.slug)
    return found


@contextmanager
def use(tenant: Any) -> Iterator[None]:
    """Make ``tenant`` (``TenantInfo`` or ``Tenant``) current for the length of the block."""
    token = current_tenant.set(as_info(tenant))
    try:
        yield
    finally:
        current_tenant.reset(token)


@contextmanager
def public() -> Iterator[None]:
    """Leave the current tenant for the length of the block: only shared tables are visible."""
    token = current_tenant.set(None)
    try:
        yield
    finally:
        current_tenant.reset(token)


@contextmanager
def public_write(reason: str) -> Iterator[None]:
    """Permit writes to shared models; the current tenant does not change.

    ``reason`` says why (``"licence"``, ``"provisioning"``); it must not be empty.
    """
    if not reason:
        raise ValueError("public_write needs a reason")
    token = _write_reason.set(reason)
    try:
        yield
    finally:
        _write_reason.reset(token)


def write_reason() -> str:
    """Return the reason given to the innermost ``public_write``, or an empty string."""
    return _write_reason.get()
