"""A plan with every kind of feature, and tenants that hold it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tenants.registry import TenantInfo
    from tremplin.licensing.models import License

    Sell = Callable[..., License]


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    from tremplin.licensing import snapshots

    snapshots.forget()


@pytest.fixture
def sell() -> Sell:
    """Return ``sell(tenant, {feature: value | dict}, **license)``: a new plan, held by the tenant."""
    from tenants.context import public_write
    from tremplin.licensing import snapshots
    from tremplin.licensing.models import License, Plan, PlanEntitlement, PlanVersion

    def make(tenant: TenantInfo, content: dict[str, Any], **fields: Any) -> License:
        with public_write("test"):
            plan = Plan.objects.create(
                key=f"plan-{tenant.slug}-{Plan.objects.count()}", name_en="P", name_fr="P"
            )
            version = PlanVersion.objects.create(plan=plan, number=1)
            for key, value in content.items():
                options = value if isinstance(value, dict) else {"value": value}
                PlanEntitlement.objects.create(version=version, feature=key, **options)
            found = License.objects.create(
                tenant_id=tenant.pk,
                plan_version=version,
                **{"source": "subscription", "state": "active", **fields},
            )
        snapshots.rebuild(tenant)
        return found

    return make
