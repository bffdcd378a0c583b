"""May this tenant do that, and how much is left: the questions that pages ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tenants.registry import TenantInfo
from tremplin.api import Decision
from tremplin.kernel import clock
from tremplin.licensing import features, periods, snapshots
from tremplin.licensing.compiling import Entitlement, Meter, Snapshot
from tremplin.licensing.models import UsageBucket

SOFT_PERCENT = 80


_UNLIMITED = Decision(True, "unlimited")


@dataclass(frozen=True, slots=True)
class Tenant:
    """The entitlements of one tenant at this moment."""

    tenant: TenantInfo
    snapshot: Snapshot

    def value(self, feature: str) -> Any:
        """Return the value of a switch, config, limit or seat feature (None: unlimited)."""
        if self.snapshot.is_unlimited:
            found = features.declared().get(feature)
            return True if found is not None and found.kind == "switch" else None
        entitled = self.snapshot.entitlements.get(feature)
        return None if entitled is None else entitled.value

    def check(self, feature: str, amount: int = 1, person: UUID | None = None) -> Decision:
        """Say whether ``amount`` of ``feature`` is allowed now; it decides nothing.

        For a limit, ``amount`` is how many there would be in all. A metered feature reads its
        counters (one query); every other kind reads none. An unknown feature is refused.
        """
        if self.snapshot.is_unlimited:
            return _UNLIMITED
        found = self.snapshot.entitlements.get(feature)
        if found is None:
            return Decision(False, "unknown_feature", limit=0, remaining=0)
        if not self.snapshot.is_writable:
            return Decision(False, "suspended")
        if found.kind == "metered":
            return self._metered(found, amount, person)
        if found.kind in {"switch", "config"}:
            allowed = bool(found.value)
            return Decision(allowed, "ok" if allowed else "not_entitled")
        if found.value is None:
            return Decision(True, "ok")
        allowed = amount <= found.value
        return Decision(
            allowed, "ok" if allowed else "limit", found.value, remaining=max(0, found.value)
        )

    def _metered(self, found: Entitlement, amount: int, person: UUID | None) -> Decision:
        meters = [meter for meter in found.meters if meter.scope == "tenant" or person is not None]
        if not meters:
            return Decision(False, "not_entitled", limit=0, remaining=0)
        counters = counters_of(self.tenant, found.feature, meters, person)
        worst: Decision | None = None
        for meter, counter in zip(meters, counters, strict=True):
            decision = _decision(meter, counter, amount)
            if worst is None or _tighter(decision, worst):
                worst = decision
        assert worst is not None  # noqa: S101  there is at least one meter
        return worst


@dataclass(frozen=True, slots=True)
class Counter:
    """What a meter has counted in its period; ``top_up_left`` is usable after it."""

    used: int
    resets_at: datetime | None
    top_up_left: int


def for_tenant(tenant: TenantInfo) -> Tenant:
    """Return the entitlements of ``tenant``, compiled once per version."""
    return Tenant(tenant, snapshots.of(tenant))


def subject_of(meter: Meter, person: UUID | None) -> str:
    """Return whose counter a meter reads: the space's (empty) or the person's."""
    return str(person) if meter.scope == "user" else ""


def counters_of(
    tenant: TenantInfo, feature: str, meters: list[Meter], person: UUID | None
) -> list[Counter]:
    """Return the counters of these meters of one feature, in one query."""
    return counters(tenant, [(feature, meter) for meter in meters], person)


def counters(
    tenant: TenantInfo, wanted: Sequence[tuple[str, Meter]], person: UUID | None
) -> list[Counter]:
    """Return the counters of several features and meters, in one query for all."""
    if not wanted:
        return []
    now = clock.now()
    bounds = [periods.bounds(m.reset, now, tenant.timezone, m.anchor) for _key, m in wanted]
    rows = {
        (row.feature, row.subject, row.period_start): row
        for row in UsageBucket.objects.filter(
            tenant_id=tenant.pk,
            feature__in={key for key, _meter in wanted},
            subject__in={subject_of(meter, person) for _key, meter in wanted},
            period_start__in={start for start, _end in bounds} | {periods.EPOCH},
        )
    }
    found = []
    for (key, meter), (start, end) in zip(wanted, bounds, strict=True):
        subject = subject_of(meter, person)
        row = rows.get((key, subject, start))
        extra = (
            rows.get((key, subject, periods.EPOCH))
            if meter.top_up and start != periods.EPOCH
            else None
        )
        taken = (extra.used + extra.reserved) if extra else 0
        used = (row.used + row.reserved) if row else 0
        found.append(Counter(used, end, max(0, meter.top_up - taken)))
    return found


def bucket_of(tenant: TenantInfo, feature: str, meter: Meter) -> UsageBucket | None:
    """Return the space's counter of a meter in its current period, None before the first unit."""
    start, _end = periods.bounds(meter.reset, clock.now(), tenant.timezone, meter.anchor)
    return UsageBucket.objects.filter(
        tenant_id=tenant.pk, feature=feature, subject="", period_start=start
    ).first()


def _decision(meter: Meter, counter: Counter, amount: int) -> Decision:
    if meter.stop is None:
        return Decision(True, "ok", meter.maximum, counter.used, None, counter.resets_at)
    remaining = max(0, meter.stop - counter.used) + counter.top_up_left
    maximum = meter.maximum or 0
    allowed = amount <= remaining
    return Decision(
        allowed,
        "ok" if allowed else "quota_exceeded",
        maximum,
        counter.used,
        remaining,
        counter.resets_at,
        is_soft=counter.used * 100 >= maximum * SOFT_PERCENT,
    )


def _tighter(one: Decision, other: Decision) -> bool:
    if one.remaining is None:
        return False
    return other.remaining is None or one.remaining < other.remaining
