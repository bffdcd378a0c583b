"""The compiled entitlements of a tenant: kept per process, stored once per version."""

from __future__ import annotations

import threading
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from tenants.models import Tenant
from tenants.registry import TenantInfo
from tremplin.api import services
from tremplin.kernel import clock
from tremplin.licensing import features
from tremplin.licensing.compiling import Entitlement, Meter, Snapshot, Source, combine
from tremplin.licensing.models import (
    EntitlementSnapshot,
    Grant,
    License,
    OverageCap,
    PlanEntitlement,
)
from tremplin.licensing.states import Durations, Facts, Mode, StateAt, mode_until, state_at

UNLIMITED_KINDS = frozenset({"hq", "reseller"})
_UNLIMITED = Snapshot(0, {}, {}, None, is_unlimited=True)
_RANK: dict[Mode, int] = {"off": 0, "read_only": 1, "on": 2}
# The version of a tenant for which licensing never wrote anything.
NEVER_SOLD = 1
_held: dict[int, Snapshot] = {}
_written: set[int] = set()  # tenants that this process wrote, whose older values are stale
_lock = threading.Lock()
MAX_HELD = 10_000


def of(tenant: TenantInfo) -> Snapshot:
    """Return what ``tenant`` is entitled to now; no query while its version and dates hold.

    The operator's space, resellers and a space that never had a plan are not limited.
    """
    if not may_be_limited(tenant):
        return _UNLIMITED
    held = _held.get(tenant.pk)
    if held is not None and held.version >= tenant.entitlement_version and _holds(held):
        return held
    snapshot = _stored(tenant) or _compiled(tenant)
    if not connection.in_atomic_block:
        _keep(tenant.pk, snapshot)
    return snapshot


def may_be_limited(tenant: TenantInfo) -> bool:
    """Tell, without a query, whether the tenant may hold a licence."""
    if tenant.kind in UNLIMITED_KINDS:
        return False
    return tenant.entitlement_version != NEVER_SOLD or tenant.pk in _written


def _holds(snapshot: Snapshot) -> bool:
    return snapshot.valid_until is None or clock.now() < snapshot.valid_until


def _keep(pk: int, snapshot: Snapshot) -> None:
    with _lock:
        if len(_held) >= MAX_HELD:
            _held.clear()
        _held[pk] = snapshot


def forget(pk: int | None = None) -> None:
    """Drop what this process remembers of one tenant, or of all."""
    with _lock:
        if pk is None:
            _held.clear()
            _written.clear()
        else:
            _held.pop(pk, None)


def rebuild(tenant: TenantInfo) -> Snapshot:
    """Compile again after a write of licensing: new version, stored row, modes of the gate.

    Call it inside the transaction of the write. Other processes see the version within the time
    that the registry needs.
    """
    from tremplin.kernel import gate

    with transaction.atomic(), services.tenancy().public_write("entitlements"):
        Tenant.objects.filter(pk=tenant.pk).update(entitlement_version=F("entitlement_version") + 1)
        version = Tenant.objects.values_list("entitlement_version", flat=True).get(pk=tenant.pk)
        licences = _licences(tenant.pk)
        snapshot = _compile(tenant, version, licences)
        _store(tenant.pk, snapshot)
        states = gate.states(tenant)
        for module, (mode, until) in _modes(licences).items():
            known = states.get(module)
            if known is None or (known.licensed_mode, known.licensed_until) == (mode, until):
                continue
            gate.set_licence(tenant, module, mode, until=until, reason="entitlements")
    with _lock:
        _written.add(tenant.pk)
    forget(tenant.pk)
    transaction.on_commit(lambda: forget(tenant.pk))
    services.tenancy().bump()
    return snapshot


def _stored(tenant: TenantInfo) -> Snapshot | None:
    row = EntitlementSnapshot.objects.filter(
        tenant_id=tenant.pk, version__gte=tenant.entitlement_version
    ).first()
    if row is None:
        return None
    snapshot = _from_row(row)
    return snapshot if _holds(snapshot) else None


def _compiled(tenant: TenantInfo) -> Snapshot:
    """Compile on read: the row is missing, or one of its dates has passed."""
    snapshot = _compile(tenant, tenant.entitlement_version, _licences(tenant.pk))
    with services.tenancy().public_write("entitlements"):
        _store(tenant.pk, snapshot)
    return snapshot


def _licences(pk: int) -> list[License]:
    return list(
        License.objects.filter(tenant_id=pk)
        .select_related("plan_version__plan")
        .prefetch_related("plan_version__items", "plan_version__entitlements")
        .order_by("created_at", "id")
    )


def all_of(tenant: TenantInfo) -> list[License]:
    """Return every licence that a tenant has or had, oldest first, with their plans' content."""
    return _licences(tenant.pk)


def running(tenant: TenantInfo) -> list[License]:
    """Return the licences that allow something now, with their plans' content."""
    return [held for held in _licences(tenant.pk) if current_state(held).mode == "on"]


def facts_of(licence: License) -> Facts:
    """Return the dates of a licence, with the durations of its plan."""
    version = licence.plan_version
    durations = (
        Durations()
        if version is None
        else Durations(
            version.past_due_days, version.grace_days, version.read_only_days, version.keep_days
        )
    )
    return Facts(
        is_trial=licence.source == License.Source.TRIAL,
        valid_until=licence.valid_until,
        unpaid_since=licence.unpaid_since,
        ended_at=licence.ended_at,
        durations=durations,
    )


def current_state(licence: License) -> StateAt:
    """Return the state of a licence now (business clock)."""
    return state_at(facts_of(licence), clock.now())


def open_until(licence: License) -> datetime | None:
    """Return until when the seats of a licence stop nobody, None when they count."""
    until = licence.seats_open_until
    return until if until is not None and clock.now() < until else None


def modules_of(licence: License) -> list[str]:
    """Return the modules that a licence opens."""
    found = [licence.module] if licence.module else []
    if licence.plan_version is not None:
        found += [item.module for item in licence.plan_version.items.all()]
    return found


def _modes(licences: list[License]) -> dict[str, tuple[Mode, datetime | None]]:
    """Return per module the best mode of its licences and until when it holds (None: no end)."""
    found: dict[str, tuple[Mode, datetime | None]] = {}
    for licence in licences:
        facts, now = facts_of(licence), clock.now()
        held = (state_at(facts, now).mode, mode_until(facts, now))
        for module in modules_of(licence):
            former = found.get(module)
            if former is None or _better(held, former):
                found[module] = held
    return found


def _better(new: tuple[Mode, datetime | None], old: tuple[Mode, datetime | None]) -> bool:
    if new[0] != old[0]:
        return _RANK[new[0]] > _RANK[old[0]]
    return old[1] is not None and (new[1] is None or new[1] > old[1])


def _compile(tenant: TenantInfo, version: int, licences: list[License]) -> Snapshot:
    now = clock.now()
    sources: dict[str, list[Source]] = {}
    changes: list[datetime] = []
    is_writable = True
    caps = dict(OverageCap.objects.filter(tenant_id=tenant.pk).values_list("feature", "cap_minor"))
    for licence in licences:
        at = current_state(licence)
        if at.changes_at is not None:
            changes.append(at.changes_at)
        if (until := open_until(licence)) is not None:
            changes.append(until)
        if not licence.module and at.state in {"suspended", "ended"}:
            is_writable = is_writable and at.state == "ended"
        if at.mode != "on":
            continue
        if licence.plan_version is not None:
            for item in licence.plan_version.entitlements.all():
                sources.setdefault(item.feature, []).append(_plan_source(licence, item, caps))
    for grant in Grant.objects.filter(tenant_id=tenant.pk):
        if grant.effective_at > now:
            changes.append(grant.effective_at)
            continue
        if grant.expires_at is not None:
            if grant.expires_at <= now:
                continue
            changes.append(grant.expires_at)
        sources.setdefault(grant.feature, []).append(
            Source(grant.feature, grant.value, grant.priority + 1, is_top_up=True)
        )
    declared = features.declared()
    entitlements = {
        key: combine(feature, sources.get(key, ())) for key, feature in declared.items()
    }
    modes = {module: mode for module, (mode, _until) in _modes(licences).items()}
    return Snapshot(
        version,
        entitlements,
        modes,
        min(changes, default=None),
        # Modules may be bought or tried one by one: only a plan limits the space itself.
        is_unlimited=all(licence.module for licence in licences),
        is_writable=is_writable,
        seated=_seated(licences),
    )


def _seated(licences: list[License]) -> dict[str, UUID]:
    """Return the modules whose seats are given one by one; another licence opens them to all."""
    running = [held for held in licences if current_state(held).mode != "off"]
    manual = License.SeatPolicy.MANUAL
    opened = {
        module for held in running if held.seat_policy != manual for module in modules_of(held)
    }
    return {
        held.module: held.pk
        for held in running
        if held.module and held.seat_policy == manual and held.module not in opened
    }


def _plan_source(licence: License, item: PlanEntitlement, caps: dict[str, int]) -> Source:
    value = item.value
    if item.feature == "people.seats" and licence.seats_total is not None:
        value = licence.seats_total if open_until(licence) is None else None
    return Source(
        item.feature,
        value,
        0,
        item.reset,
        item.scope,
        item.overage,
        item.overage_percent,
        item.overage_unit_minor,
        _cap(item, caps),
        licence.valid_from if item.reset == "period" else None,
    )


def _cap(item: PlanEntitlement, caps: dict[str, int]) -> int:
    """Return what may be billed per period: the customer's choice, 0 until it has chosen."""
    wanted = caps.get(item.feature, 0)
    return wanted if item.overage_cap_minor is None else min(wanted, item.overage_cap_minor)


def _store(pk: int, snapshot: Snapshot) -> None:
    body = {
        "entitlements": [asdict(item) for item in snapshot.entitlements.values()],
        "modules": dict(snapshot.modules),
        "is_writable": snapshot.is_writable,
        "is_unlimited": snapshot.is_unlimited,
        "seated": {module: str(pk) for module, pk in snapshot.seated.items()},
    }
    for item in body["entitlements"]:
        for meter in item["meters"]:
            meter["anchor"] = meter["anchor"].isoformat() if meter["anchor"] else None
    EntitlementSnapshot.objects.update_or_create(
        tenant_id=pk,
        defaults={
            "version": snapshot.version,
            "body": body,
            "valid_until": snapshot.valid_until,
            "compiled_at": clock.now(),
        },
    )


def _from_row(row: EntitlementSnapshot) -> Snapshot:
    entitlements: dict[str, Entitlement] = {}
    for item in row.body["entitlements"]:
        meters = tuple(
            Meter(**{**meter, "anchor": _instant(meter["anchor"])}) for meter in item["meters"]
        )
        entitlements[item["feature"]] = Entitlement(
            item["feature"], item["kind"], item["value"], meters
        )
    return Snapshot(
        row.version,
        entitlements,
        cast(dict[str, Mode], row.body["modules"]),
        row.valid_until,
        is_unlimited=row.body.get("is_unlimited", False),
        is_writable=row.body["is_writable"],
        seated={module: UUID(pk) for module, pk in row.body.get("seated", {}).items()},
    )


def _instant(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
