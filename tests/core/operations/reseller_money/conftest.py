"""A reseller with a book of 25 percent, two clients, and a rival with a client of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.core.billing.engine.conftest import _invented_modules, identify, shop

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

__all__ = ["_invented_modules", "shop"]

NOON = datetime.fromisoformat("2026-11-03T12:00:00+01:00")


@dataclass(slots=True)
class Trade:
    """Who sells to whom: ``reseller`` to ``client``, ``rival`` to ``stranger``."""

    reseller: TenantInfo
    client: TenantInfo
    rival: TenantInfo
    stranger: TenantInfo


def sold_by(tenant: TenantInfo, reseller: TenantInfo | None) -> TenantInfo:
    """Make ``tenant`` a client of ``reseller`` and return it as it is now."""
    from tenants import registry
    from tenants.context import public_write
    from tenants.models import Tenant
    from tremplin.billing.models import BillingAccount

    with public_write("test"):
        Tenant.objects.filter(pk=tenant.pk).update(reseller=reseller.pk if reseller else None)
        BillingAccount.objects.filter(tenant_id=tenant.pk, orders=None).delete()
    registry.invalidate()
    found = registry.by_pk(tenant.pk)
    assert found is not None
    identify(found)
    return found


@pytest.fixture
def trade(
    space: Callable[[str], TenantInfo], shop: Any, tenant_a: TenantInfo, tenant_b: TenantInfo
) -> Trade:
    """Return the four spaces, each ready to be invoiced."""
    from tremplin.billing import services

    reseller, rival = space("passerelle"), space("autre")
    identify(reseller, rival)
    services.set_book(reseller, discount_percent=Decimal(25))
    services.set_book(rival, discount_percent=Decimal(40))
    return Trade(reseller, sold_by(tenant_a, reseller), rival, sold_by(tenant_b, rival))


@pytest.fixture
def signed_in(
    inside: Callable[..., Any], client_for: Callable[..., Client]
) -> Callable[..., Client]:
    """Return ``signed_in(tenant, role)``: a browser of somebody with that role, second factor set."""

    def make(tenant: TenantInfo, role: str) -> Client:
        from tremplin.identity import mfa
        from tremplin.identity.services import create_person

        with inside(tenant):
            person = create_person(
                email=f"{role}-money@{tenant.slug}.example",
                first_name="Julien",
                last_name="Caron",
                roles=[role],
                locale="en",
            )
            mfa.enrol_totp(person, "JBSWY3DPEHPK3PXP")
        return client_for(tenant, person)

    return make
