"""What the operator gives a space beside what it buys; each with its reason, in both logs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from tenants.registry import TenantInfo
from tremplin.api import Problem
from tremplin.api import services as platform
from tremplin.kernel import audit, clock
from tremplin.licensing import services as licensing
from tremplin.licensing.models import Grant, License, PlanVersion, Trial


class PaidElsewhere(Problem):
    """A subscription pays for this: change or cancel the subscription (409)."""

    def __init__(self) -> None:
        super().__init__(
            409,
            "paid_by_subscription",
            _("A subscription pays for this: its dates and its plan follow the subscription."),
        )


class LicenceOver(Problem):
    """The licence has ended: give a new one (409)."""

    def __init__(self) -> None:
        super().__init__(409, "licence_over", _("This licence has ended: give the plan again."))


def extend(tenant: TenantInfo, held: License, until: datetime, *, reason: str) -> None:
    """Move the end of a trial, or of a licence that the operator gave.

    Raises ``PaidElsewhere`` and ``LicenceOver`` (409).
    """
    with transaction.atomic():
        row = _given(tenant, held)
        licensing.extend(tenant, row, valid_until=until)
        with platform.tenancy().public_write("trial"):
            Trial.objects.filter(license=row).update(ends_at=until)
        _record("operations.licence_extended", tenant, row, reason, until=until.isoformat())


def end(tenant: TenantInfo, held: License, *, reason: str) -> None:
    """End a licence that no subscription pays for. Raises as ``extend``."""
    with transaction.atomic():
        row = _given(tenant, held)
        licensing.end(tenant, row, reason="operator")
        _record("operations.licence_ended", tenant, row, reason)


def give_plan(
    tenant: TenantInfo, version: PlanVersion, *, until: datetime | None, reason: str
) -> License:
    """Give a space a plan without payment. Raises ``PaidElsewhere`` when it pays for one."""
    with transaction.atomic():
        paid = License.objects.filter(tenant_id=tenant.pk, module="", ended_at=None)
        if paid.exclude(subscription=None).exists():
            raise PaidElsewhere
        held = licensing.grant_plan(
            tenant, version, source=License.Source.MANUAL, valid_until=until
        )
        _record("operations.plan_given", tenant, held, reason, version=str(version.pk))
    return held


def give(
    tenant: TenantInfo, feature: str, value: Any, *, expires_at: datetime | None, reason: str
) -> Grant:
    """Give an amount or a value of one feature beside the plans (goodwill)."""
    with transaction.atomic():
        grant = licensing.add_grant(
            tenant, feature, value, source="goodwill", reason=reason, expires_at=expires_at
        )
        audit.record(
            "operations.feature_given",
            target=f"space:{tenant.uuid}",
            data={"reason": reason, "feature": feature, "value": value, "grant": str(grant.pk)},
        )
    return grant


def _given(tenant: TenantInfo, held: License) -> License:
    with platform.tenancy().public_write("licence"):
        row = License.objects.select_for_update(of=("self",)).get(pk=held.pk, tenant_id=tenant.pk)
    if row.subscription is not None:
        raise PaidElsewhere
    over = row.valid_until is not None and row.valid_until <= clock.now()
    if row.ended_at is not None or over:
        raise LicenceOver
    return row


def _record(kind: str, tenant: TenantInfo, held: License, reason: str, **data: object) -> None:
    audit.record(
        kind,
        target=f"space:{tenant.uuid}",
        data={"reason": reason, "licence": str(held.pk), "module": held.module, **data},
    )
