"""Reads about the clients of a reseller."""

from __future__ import annotations

from dataclasses import dataclass

from tenants import registry
from tenants.models import Tenant
from tenants.registry import TenantInfo
from tremplin.identity.support import opening


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One client as the reseller's list shows it."""

    tenant: TenantInfo
    status: str
    visits_allowed: bool


def of(reseller: TenantInfo) -> list[TenantInfo]:
    """Return the clients of ``reseller``, by name."""
    return registry.load(Tenant.objects.filter(reseller_id=reseller.pk).order_by("name", "pk"))


def rows(reseller: TenantInfo) -> list[ClientRow]:
    """Return the rows of the list."""
    return [_row(tenant) for tenant in of(reseller)]


def row(reseller: TenantInfo, tenant: TenantInfo) -> ClientRow:
    """Return the row of one client."""
    return _row(tenant)


def _row(tenant: TenantInfo) -> ClientRow:
    allowed = tenant.status == "active" and opening.is_allowed(tenant)
    return ClientRow(tenant, str(Tenant.Status(tenant.status).label), allowed)
