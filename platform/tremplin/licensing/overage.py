"""Units used beyond a plan that are paid: their cap, what was counted, what is not billed yet.

The price of each unit is noted as it is used, in the bucket: a plan changed later changes nothing of
it. Billing takes what is not billed yet, once, in the transaction of its invoice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.api import services
from tremplin.kernel import audit
from tremplin.licensing import snapshots
from tremplin.licensing.models import OverageCap, PlanEntitlement, UsageBucket


@dataclass(frozen=True, slots=True)
class Excess:
    """Units of one period that are to be paid; ``unit_minor`` is None when prices were mixed."""

    feature: str
    period_start: datetime
    units: int
    amount_minor: int

    @property
    def unit_minor(self) -> int | None:
        """Return the price of each unit when it was the same for all."""
        whole, rest = divmod(self.amount_minor, self.units)
        return None if rest else whole


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan asks beyond its amount; ``highest_minor`` bounds the cap (None: no bound)."""

    feature: str
    included: int
    unit_minor: int
    currency: str
    highest_minor: int | None
    cap_minor: int
    used: int
    over_units: int
    over_minor: int


def entitlements(tenant: TenantInfo) -> list[PlanEntitlement]:
    """Return what the running licences of a space bill beyond its amount, by feature."""
    found: dict[str, PlanEntitlement] = {}
    for licence in snapshots.running(tenant):
        if licence.plan_version is None:
            continue
        for item in licence.plan_version.entitlements.all():
            billed = item.overage == PlanEntitlement.Overage.BILL and item.overage_unit_minor
            if billed and item.scope == PlanEntitlement.Scope.TENANT and item.value is not None:
                found.setdefault(item.feature, item)
    return [found[key] for key in sorted(found)]


def terms(tenant: TenantInfo) -> list[Terms]:
    """Return what is billed beyond the plan, with the customer's cap and this period's figures."""
    from tremplin.licensing import entitlements as asking

    caps = dict(OverageCap.objects.filter(tenant_id=tenant.pk).values_list("feature", "cap_minor"))
    held = snapshots.of(tenant)
    rows = []
    for item in entitlements(tenant):
        entitled = held.entitlements.get(item.feature)
        meter = (
            next((m for m in entitled.meters if m.scope == "tenant"), None) if entitled else None
        )
        if meter is None or meter.maximum is None:
            continue
        bucket = asking.bucket_of(tenant, item.feature, meter)
        rows.append(
            Terms(
                item.feature,
                meter.maximum,
                item.overage_unit_minor or 0,
                item.overage_currency,
                item.overage_cap_minor,
                caps.get(item.feature, 0),
                bucket.used if bucket is not None else 0,
                bucket.over_units if bucket is not None else 0,
                bucket.over_minor if bucket is not None else 0,
            )
        )
    return rows


@transaction.atomic
def set_cap(tenant: TenantInfo, feature: str, cap_minor: int) -> None:
    """Keep what the customer agrees to pay per period; 0 refuses what the plan does not hold.

    What was counted stays owed. The caller checked the amount.
    """
    with services.tenancy().public_write("overage cap"):
        OverageCap.objects.update_or_create(
            tenant_id=tenant.pk, feature=feature, defaults={"cap_minor": cap_minor}
        )
    snapshots.rebuild(tenant)
    with use(tenant):
        audit.record(
            "licence.overage_cap", target=f"feature:{feature}", data={"cap_minor": cap_minor}
        )


def unbilled(tenant_pk: int) -> list[Excess]:
    """Return what was used beyond the plan and is on no invoice yet, oldest first."""
    return [_excess(row) for row in _rows(tenant_pk)]


def take(tenant_pk: int, features: set[str] | None = None) -> list[Excess]:
    """Return what is not billed yet and note it as billed, in the caller's transaction.

    The rows are locked: two invoices never bill the same unit. ``features`` None takes all.
    """
    rows = _rows(tenant_pk).select_for_update()
    if features is not None:
        rows = rows.filter(feature__in=features)
    taken = []
    for row in rows:
        taken.append(_excess(row))
        UsageBucket.objects.filter(pk=row.pk).update(
            billed_units=row.over_units, billed_minor=row.over_minor
        )
    return taken


def _rows(tenant_pk: int) -> QuerySet[UsageBucket]:
    return UsageBucket.objects.filter(
        tenant_id=tenant_pk, over_units__gt=F("billed_units")
    ).order_by("period_start", "feature")


def _excess(row: UsageBucket) -> Excess:
    return Excess(
        row.feature,
        row.period_start,
        row.over_units - row.billed_units,
        row.over_minor - row.billed_minor,
    )
