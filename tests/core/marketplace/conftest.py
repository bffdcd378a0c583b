"""Two schools and the operator, who see, try, rate and review modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo


@pytest.fixture
def admin_of(
    inside: Callable[..., Any], client_for: Callable[..., Client]
) -> Callable[..., Client]:
    """Return ``admin_of(tenant, role="admin")``: a client signed in with that role."""

    def make(tenant: TenantInfo, role: str = "admin") -> Client:
        from tremplin.identity.mfa import enrol_totp
        from tremplin.identity.services import create_person

        with inside(tenant):
            person = create_person(
                email=f"{role}-market@{tenant.slug}.example",
                first_name="Camille",
                last_name="Aubry",
                roles=[role],
                password="une-phrase-pour-tester-2026",
            )
            if tenant.kind == "hq":
                enrol_totp(person, "JBSWY3DPEHPK3PXP")
        return client_for(tenant, person)

    return make


@pytest.fixture
def listed(hq: TenantInfo) -> None:
    """Listings of what is installed."""
    from tremplin.marketplace import services

    services.sync()
