"""What a new space needs of the marketplace, and what goes with an erased one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tremplin.marketplace import reviewing, services
from tremplin.marketplace.models import Rating

if TYPE_CHECKING:
    from tenants.provisioning import NewTenant
    from tenants.registry import TenantInfo


def prepare(tenant: TenantInfo, new: NewTenant) -> None:
    """Know what is installed, and keep stopped modules off."""
    if not services.is_current():
        services.sync()
    reviewing.stop_in_new_space(tenant)


def forget_tenant(tenant: TenantInfo) -> None:
    """Remove the opinions of a space that is erased."""
    Rating.objects.filter(tenant_id=tenant.pk).delete()
