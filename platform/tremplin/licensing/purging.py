"""What licensing forgets: a space that is erased, and nothing else on its own."""

from __future__ import annotations

from tenants.registry import TenantInfo
from tremplin.licensing import snapshots
from tremplin.licensing.models import (
    EntitlementSnapshot,
    Grant,
    License,
    OverageCap,
    SeatAssignment,
    Trial,
    UsageBucket,
    UsageEvent,
    UsageHold,
)


def forget_tenant(tenant: TenantInfo) -> None:
    """Delete every row of a space that is erased for good; runs inside ``public_write``."""
    SeatAssignment.objects.filter(license__tenant_id=tenant.pk).delete()
    for model in (
        Trial,
        Grant,
        OverageCap,
        EntitlementSnapshot,
        UsageBucket,
        UsageEvent,
        UsageHold,
        License,
    ):
        model.objects.filter(tenant_id=tenant.pk).delete()
    snapshots.forget(tenant.pk)
