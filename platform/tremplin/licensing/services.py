"""Writes of licensing: what billing and the operator give, change and end.

Each write compiles the tenant's entitlements again in the same transaction and is audited in the
tenant. Nothing here decides about money.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.api import services
from tremplin.kernel import audit, clock
from tremplin.licensing import seats, snapshots
from tremplin.licensing.errors import TrialUsed, VersionFrozen
from tremplin.licensing.models import Grant, License, PlanVersion, Trial

TRIAL_DAYS = 14


def current_version(key: str) -> PlanVersion:
    """Return the version of the plan ``key`` that is sold now. Raises ``PlanVersion.DoesNotExist``."""
    now = clock.now()
    return (
        PlanVersion.objects.select_related("plan")
        .filter(plan__key=key, sold_from__lte=now)
        .exclude(sold_until__lte=now)
        .latest("number")
    )


def require_draft(version: PlanVersion) -> None:
    """Raise ``VersionFrozen`` when something was sold from this version."""
    if version.first_sold_at is not None:
        raise VersionFrozen


@transaction.atomic
def grant_plan(
    tenant: TenantInfo,
    version: PlanVersion,
    *,
    source: str,
    state: str = "active",
    valid_until: datetime | None = None,
    seats_total: int | None = None,
    seats_open_until: datetime | None = None,
    subscription: UUID | None = None,
) -> License:
    """Give the whole space a version of a plan; the plan it had before ends at this instant.

    People keep their seats: they move to the new licence, which is flagged when it has fewer. With
    a first plan, those who are there already take theirs.
    ``seats_total`` defaults to what the version says and stops nobody before ``seats_open_until``.
    """
    with services.tenancy().public_write("licence"):
        former = seats.seat_license(tenant)
        if former is not None and former.ended_at is None:
            _close(former, "replaced")
        held = _open(tenant, version, "", source, state, valid_until, seats_total, subscription)
        if seats_open_until is not None:
            held.seats_open_until = seats_open_until
            held.save(update_fields=["seats_open_until"])
        if former is not None:
            moved = former.seats.update(license=held)
            held.seats_used = moved
            held.save(update_fields=["seats_used"])
            seats.flag(held)
            License.objects.filter(pk=former.pk).update(seats_used=0)
        else:
            seats.fill(tenant, held)
        _convert_trials(tenant, held)
    _changed(tenant, held, "licence.granted")
    return held


@transaction.atomic
def grant_module(
    tenant: TenantInfo,
    module: str,
    *,
    version: PlanVersion | None = None,
    source: str,
    state: str = "active",
    valid_until: datetime | None = None,
    seats_total: int | None = None,
    subscription: UUID | None = None,
) -> License:
    """Give a module to a tenant; its former licence of that module ends, a trial is converted."""
    with services.tenancy().public_write("licence"):
        former = (
            License.objects.filter(tenant_id=tenant.pk, module=module)
            .exclude(state=License.State.ENDED)
            .first()
        )
        if former is not None:
            _close(former, "replaced")
            if former.source == License.Source.TRIAL and source != License.Source.TRIAL:
                _note_conversion(tenant, [module])
        held = _open(tenant, version, module, source, state, valid_until, seats_total, subscription)
    _changed(tenant, held, "licence.granted")
    return held


@transaction.atomic
def start_trial(tenant: TenantInfo, module: str, *, days: int = TRIAL_DAYS) -> License:
    """Open a module for ``days`` without payment, once ever. Raises ``TrialUsed``."""
    now = clock.now()
    ends = now + timedelta(days=days)
    with services.tenancy().public_write("licence"):
        trial, is_new = Trial.objects.get_or_create(
            tenant_id=tenant.pk, module=module, defaults={"started_at": now, "ends_at": ends}
        )
        if not is_new:
            raise TrialUsed(module)
        held = grant_module(
            tenant,
            module,
            source=License.Source.TRIAL,
            state=License.State.TRIALING,
            valid_until=ends,
        )
        trial.license = held
        trial.save(update_fields=["license"])
    return held


@transaction.atomic
def note_payment(tenant: TenantInfo, held: License, *, unpaid_since: datetime | None) -> None:
    """Record that a licence is unpaid since an instant, or (None) paid again: access follows."""
    with services.tenancy().public_write("licence"):
        row = License.objects.select_for_update().get(pk=held.pk)
        row.unpaid_since = unpaid_since
        _refresh(row)
    _changed(tenant, row, "licence.payment", unpaid=unpaid_since is not None)


@transaction.atomic
def extend(tenant: TenantInfo, held: License, *, valid_until: datetime | None) -> None:
    """Move the end of a licence (None: no end)."""
    with services.tenancy().public_write("licence"):
        row = License.objects.select_for_update().get(pk=held.pk)
        row.valid_until = valid_until
        _refresh(row)
    _changed(tenant, row, "licence.extended")


@transaction.atomic
def end(tenant: TenantInfo, held: License, *, reason: str) -> None:
    """End a licence now: read-only, then off; the data stays for its time."""
    with services.tenancy().public_write("licence"):
        row = License.objects.select_for_update().get(pk=held.pk)
        _close(row, reason)
    _changed(tenant, row, "licence.ended", reason=reason)


@transaction.atomic
def change_seats(tenant: TenantInfo, held: License, total: int | None) -> None:
    """Change how many seats a licence has; with fewer than are taken nobody is removed yet."""
    seats.set_total(held, total)
    _changed(tenant, held, "licence.seats", total=total)


@transaction.atomic
def set_seat_policy(tenant: TenantInfo, held: License, policy: str) -> None:
    """Choose whether everybody may use what a licence opens, or people chosen one by one."""
    with services.tenancy().public_write("licence"):
        row = License.objects.select_for_update().get(pk=held.pk)
        if row.seat_policy == policy:
            return
        row.seat_policy = policy
        row.save(update_fields=["seat_policy", "updated_at"])
    _changed(tenant, row, "licence.seat_policy", policy=policy)


@transaction.atomic
def add_grant(
    tenant: TenantInfo,
    feature: str,
    value: Any,
    *,
    source: str,
    reason: str,
    expires_at: datetime | None = None,
    reference: str = "",
    priority: int = 0,
) -> Grant:
    """Give an amount or a value beside the plans (top-up, goodwill, override)."""
    with services.tenancy().public_write("grant"):
        grant = Grant.objects.create(
            tenant_id=tenant.pk,
            feature=feature,
            value=value,
            priority=priority,
            effective_at=clock.now(),
            expires_at=expires_at,
            source=source,
            reference=reference,
            reason=reason,
        )
    snapshots.rebuild(tenant)
    with use(tenant):
        audit.record(
            "licence.grant",
            target=f"feature:{feature}",
            data={"value": value, "source": source, "grant": str(grant.pk)},
        )
    return grant


def record_transitions(tenant: TenantInfo) -> list[tuple[str, str]]:
    """Write the states that dates have brought since the last look; return (from, to) pairs.

    The nightly job calls it: what a tenant may do was right before, this records it and lets the
    notices leave.
    """
    moved: list[tuple[str, str]] = []
    with transaction.atomic(), services.tenancy().public_write("licence"):
        rows = (
            License.objects.select_for_update(of=("self",))
            .select_related("plan_version")
            .filter(tenant_id=tenant.pk)
            .exclude(state=License.State.ENDED)
        )
        for row in rows:
            former = row.state
            if _refresh(row):
                moved.append((former, row.state))
                with use(tenant):
                    audit.record(
                        "licence.state",
                        target=f"licence:{row.pk}",
                        data={"from": former, "to": row.state, "module": row.module},
                    )
        if moved:
            snapshots.rebuild(tenant)
    return moved


# --- steps --------------------------------------------------------------------------------------


def _convert_trials(tenant: TenantInfo, held: License) -> None:
    """End the trials of the modules that a plan brings: nobody is told that they run out."""
    modules = snapshots.modules_of(held)
    rows = License.objects.filter(
        tenant_id=tenant.pk, module__in=modules, source=License.Source.TRIAL, ended_at=None
    )
    converted = []
    for row in rows:
        _close(row, "replaced")
        converted.append(row.module)
    _note_conversion(tenant, converted)


def _note_conversion(tenant: TenantInfo, modules: list[str]) -> None:
    Trial.objects.filter(tenant_id=tenant.pk, module__in=modules).update(converted_at=clock.now())


def _open(
    tenant: TenantInfo,
    version: PlanVersion | None,
    module: str,
    source: str,
    state: str,
    valid_until: datetime | None,
    seats_total: int | None,
    subscription: UUID | None,
) -> License:
    now = clock.now()
    if version is not None:
        if version.first_sold_at is None:
            PlanVersion.objects.filter(pk=version.pk, first_sold_at=None).update(first_sold_at=now)
        if seats_total is None and not module:
            included = version.entitlements.filter(feature="people.seats").first()
            seats_total = included.value if included is not None else None
    return License.objects.create(
        tenant_id=tenant.pk,
        plan_version=version,
        module=module,
        source=source,
        state=state,
        state_since=now,
        valid_from=now,
        valid_until=valid_until,
        seats_total=seats_total,
        subscription=subscription,
    )


def _close(row: License, reason: str) -> None:
    row.ended_at = clock.now()
    row.state = License.State.ENDED
    row.state_since = row.ended_at
    row.save(update_fields=["ended_at", "state", "state_since", "updated_at"])


def _refresh(row: License) -> bool:
    """Bring the recorded state up to date; return whether it changed."""
    found = snapshots.current_state(row)
    former = row.state
    row.state = found.state
    if found.state != former:
        row.state_since = found.since or clock.now()
    if found.state == "ended" and row.ended_at is None:
        row.ended_at = found.since
    row.save()
    return row.state != former


def _changed(tenant: TenantInfo, held: License, kind: str, **data: object) -> None:
    snapshots.rebuild(tenant)
    with use(tenant):
        audit.record(
            kind,
            target=f"licence:{held.pk}",
            data={
                "module": held.module,
                "plan": str(held.plan_version_id or ""),
                "source": held.source,
                "until": held.valid_until.isoformat() if held.valid_until else None,
                **data,
            },
        )
