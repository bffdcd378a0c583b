"""A school with an identity, an administrator who may buy, and plans with prices."""

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
        from tremplin.identity.services import create_person

        with inside(tenant):
            person = create_person(
                email=f"{role}-pages@{tenant.slug}.example",
                first_name="Camille",
                last_name="Aubry",
                roles=[role],
                password="une-phrase-pour-tester-2026",
            )
        return client_for(tenant, person)

    return make
