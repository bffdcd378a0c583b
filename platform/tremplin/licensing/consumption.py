"""Counting what is used, exactly: one ledger row, then one conditional upsert per counter.

The order is always ledger, the space's counter, the person's counter: two calls can never wait for
each other in a circle. A refusal rolls back to the savepoint, ledger row included.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID

from django.db import connection, transaction

from tenants import locks
from tenants.registry import TenantInfo
from tremplin.api import services
from tremplin.api.services import Failure
from tremplin.kernel import clock
from tremplin.licensing import notices, periods, snapshots
from tremplin.licensing.compiling import Meter
from tremplin.licensing.entitlements import subject_of
from tremplin.licensing.errors import NotEntitled, QuotaExceeded
from tremplin.licensing.models import UsageBucket, UsageEvent, UsageHold

logger = logging.getLogger(__name__)
HOLD_SECONDS = 900
# Corrections of one feature of one tenant in 24 hours.
GIVEN_BACK_A_DAY = 50
EXPIRED_BATCH = 500

_LEDGER = """
INSERT INTO public.licensing_usageevent
       (tenant_id, feature, subject, quantity, idempotency_key, reference, at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, idempotency_key) DO NOTHING RETURNING id
"""
_COUNT = """
INSERT INTO public.licensing_usagebucket AS b
       (tenant_id, feature, subject, period_start, max_units, used, reserved, warned_percent,
        included_units, unit_minor, over_units, over_minor, billed_units, billed_minor)
SELECT %(tenant)s, %(feature)s, %(subject)s, %(start)s, %(max)s::bigint, %(use)s, %(hold)s, 0,
       %(included)s::bigint, %(unit)s::bigint, %(over)s, %(over)s * coalesce(%(unit)s::bigint, 0),
       0, 0
 WHERE %(max)s::bigint IS NULL OR %(use)s + %(hold)s <= %(max)s::bigint
ON CONFLICT (tenant_id, feature, subject, period_start) DO UPDATE
   SET used = b.used + EXCLUDED.used, reserved = b.reserved + EXCLUDED.reserved,
       max_units = EXCLUDED.max_units, included_units = EXCLUDED.included_units,
       unit_minor = EXCLUDED.unit_minor
 WHERE EXCLUDED.max_units IS NULL
    OR b.used + b.reserved + EXCLUDED.used + EXCLUDED.reserved <= EXCLUDED.max_units
RETURNING b.id, b.used, b.reserved
"""
# The same with the units beyond the plan and their price: beyond the cap nothing is counted.
_COUNT_BILLED = _COUNT.replace(
    "unit_minor = EXCLUDED.unit_minor\n WHERE EXCLUDED.max_units IS NULL\n    OR ",
    """unit_minor = EXCLUDED.unit_minor,
       over_units = b.over_units
         + greatest(0, least(EXCLUDED.used, b.used + EXCLUDED.used - EXCLUDED.included_units)),
       over_minor = b.over_minor + EXCLUDED.unit_minor
         * greatest(0, least(EXCLUDED.used, b.used + EXCLUDED.used - EXCLUDED.included_units))
 WHERE b.over_minor + EXCLUDED.unit_minor
         * greatest(0, least(EXCLUDED.used, b.used + EXCLUDED.used - EXCLUDED.included_units))
       <= %(cap)s
   AND """,
)
_SETTLE = """
UPDATE public.licensing_usagebucket SET reserved = reserved - %(held)s, used = used + %(used)s,
       over_units = over_units + CASE WHEN unit_minor IS NULL THEN 0
         ELSE greatest(0, least(%(used)s, used + %(used)s - included_units)) END,
       over_minor = over_minor + CASE WHEN unit_minor IS NULL THEN 0
         ELSE unit_minor * greatest(0, least(%(used)s, used + %(used)s - included_units)) END
 WHERE id = %(bucket)s
"""
# What was billed stays billed: a credit note is a decision of the operator.
_GIVE_BACK = """
UPDATE public.licensing_usagebucket
   SET used = greatest(0, used - %(back)s),
       over_units = greatest(billed_units, over_units - %(back)s),
       over_minor = greatest(billed_minor, over_minor - coalesce(unit_minor, 0)
         * (over_units - greatest(billed_units, over_units - %(back)s)))
 WHERE tenant_id = %(tenant)s AND feature = %(feature)s AND subject = %(subject)s
   AND period_start = %(start)s
"""


@dataclass(frozen=True, slots=True)
class Consumed:
    """What a call counted; ``is_repeat`` when its key had been counted before."""

    feature: str
    quantity: int
    is_repeat: bool = False
    buckets: tuple[int, ...] = ()


@dataclass(slots=True)
class Hold:
    """Units set aside; ``commit`` says how many were really used, leaving without it frees all."""

    id: UUID | None
    feature: str
    quantity: int
    is_repeat: bool = False
    _state: str = field(default="held")

    def commit(self, actual: int | None = None) -> None:
        """Count ``actual`` units (all of them by default, never more) and free the rest."""
        _close(self, min(self.quantity, self.quantity if actual is None else actual), "committed")

    def release(self) -> None:
        """Free every unit."""
        _close(self, 0, "released")


def consume(
    tenant: TenantInfo,
    feature: str,
    quantity: int = 1,
    *,
    person: UUID | None = None,
    idem: UUID,
    ref: str = "",
) -> Consumed:
    """Count ``quantity`` units of a metered feature, once per key ``idem``.

    Joins the caller's transaction, so that what is counted and what is made succeed or fail
    together: call it last. Raises ``QuotaExceeded``, ``NotEntitled``; ``ValueError`` for a
    quantity below 1.
    """
    if quantity < 1:
        raise ValueError("count at least one unit")
    meters = _meters(tenant, feature, person)
    subject = str(person) if person is not None else ""
    with transaction.atomic(), services.tenancy().public_write("usage"):
        with connection.cursor() as cursor:
            cursor.execute(
                _LEDGER,
                [tenant.pk, feature, subject, quantity, idem, ref[:120], clock.now()],
            )
            if cursor.fetchone() is None:
                return Consumed(feature, quantity, is_repeat=True)
            found = [
                _count(cursor, tenant, feature, meter, person, quantity, 0) for meter in meters
            ]
    return Consumed(feature, quantity, buckets=tuple(found))


def _meters(tenant: TenantInfo, feature: str, person: UUID | None) -> list[Meter]:
    """Return the meters that count: none for a tenant without limits."""
    snapshot = snapshots.of(tenant)
    if snapshot.is_unlimited:
        return [Meter("tenant", "month", None, None)]
    entitlement = snapshot.entitlements.get(feature)
    if entitlement is None or entitlement.kind != "metered":
        raise NotEntitled(feature)
    if not snapshot.is_writable:
        raise NotEntitled(feature, "suspended")
    meters = [meter for meter in entitlement.meters if meter.scope == "tenant" or person]
    if not meters:
        raise NotEntitled(feature)
    return meters


def _count(
    cursor: Any,
    tenant: TenantInfo,
    feature: str,
    meter: Meter,
    person: UUID | None,
    use: int,
    hold: int,
) -> int:
    """Add to one counter and return its id, or use the top-up, or raise ``QuotaExceeded``."""
    start, end = periods.bounds(meter.reset, clock.now(), tenant.timezone, meter.anchor)
    values: dict[str, Any] = {
        "tenant": tenant.pk,
        "feature": feature,
        "subject": subject_of(meter, person),
        "start": start,
        "max": meter.stop,
        "use": use,
        "hold": hold,
        "included": None,
        "unit": None,
        "over": 0,
    }
    # What was paid before is used before anything is billed.
    tops_up = bool(meter.top_up) and start != periods.EPOCH
    first = values | {"max": meter.maximum} if meter.is_billed and tops_up else values
    row = _billed(cursor, meter, values) if first is values else _once(cursor, first)
    if row is None and tops_up:
        row = _once(cursor, values | {"start": periods.EPOCH, "max": meter.top_up})
        if row is not None:
            return int(row[0])
        if meter.is_billed:
            row = _billed(cursor, meter, values)
    if row is None:
        raise _refusal(tenant, feature, meter, values["subject"], start, end)
    after = int(row[1]) + int(row[2])
    notices.note_crossing(tenant, meter, int(row[0]), after - use - hold, after)
    return int(row[0])


def _once(cursor: Any, values: dict[str, Any]) -> Any:
    cursor.execute(_COUNT, values)
    return cursor.fetchone()


def _billed(cursor: Any, meter: Meter, values: dict[str, Any]) -> Any:
    """Count on a meter whose units beyond the plan are paid, up to the customer's cap."""
    if not meter.is_billed or meter.maximum is None:
        return _once(cursor, values)
    more = {
        "included": meter.maximum,
        "unit": meter.unit_minor,
        "over": max(0, values["use"] - meter.maximum),
        "cap": meter.cap_minor,
    }
    cursor.execute(_COUNT_BILLED, values | more)
    return cursor.fetchone()


def _refusal(
    tenant: TenantInfo,
    feature: str,
    meter: Meter,
    subject: str,
    start: datetime,
    end: datetime | None,
) -> QuotaExceeded:
    counted = UsageBucket.objects.filter(
        tenant_id=tenant.pk, feature=feature, subject=subject, period_start=start
    ).first()
    used = counted.used + counted.reserved if counted is not None else 0
    return QuotaExceeded(feature, limit=meter.maximum or 0, used=used, resets_at=end)


# --- holds --------------------------------------------------------------------------------------


@contextmanager
def reserve(
    tenant: TenantInfo,
    feature: str,
    quantity: int,
    *,
    person: UUID | None = None,
    idem: UUID,
    ttl: int = HOLD_SECONDS,
    ref: str = "",
) -> Iterator[Hold]:
    """Set units aside while long work runs; leaving without ``commit`` frees them.

    The units are held in a transaction of their own, before any slow call: it cannot be nested in
    another one. A key seen before gives its existing hold. Raises like ``consume``.
    """
    hold = _hold(tenant, feature, quantity, person, idem, ttl, ref)
    try:
        yield hold
    finally:
        if hold._state == "held":
            hold.release()


def _hold(
    tenant: TenantInfo,
    feature: str,
    quantity: int,
    person: UUID | None,
    idem: UUID,
    ttl: int,
    ref: str,
) -> Hold:
    if quantity < 1:
        raise ValueError("hold at least one unit")
    meters = _meters(tenant, feature, person)
    with transaction.atomic(durable=True), services.tenancy().public_write("usage"):
        row, is_new = UsageHold.objects.get_or_create(
            tenant_id=tenant.pk,
            idempotency_key=idem,
            defaults={
                "feature": feature,
                "subject": str(person) if person is not None else "",
                "quantity": quantity,
                "reference": ref[:120],
                "expires_at": clock.now() + timedelta(seconds=ttl),
            },
        )
        if not is_new:
            return Hold(row.pk, row.feature, row.quantity, is_repeat=True, _state=row.state)
        with connection.cursor() as cursor:
            row.buckets = [
                _count(cursor, tenant, feature, meter, person, 0, quantity) for meter in meters
            ]
        row.save(update_fields=["buckets"])
    return Hold(row.pk, feature, quantity)


def _close(hold: Hold, used: int, state: str) -> None:
    """Move the held units to used, or back, once whatever the number of calls."""
    if used < 0:
        raise ValueError("a commit counts zero units or more")
    with transaction.atomic(), services.tenancy().public_write("usage"):
        row = UsageHold.objects.select_for_update().get(pk=hold.id)
        if row.state == UsageHold.State.HELD:
            settle(row, used, state)
        hold._state = row.state


def settle(row: UsageHold, used: int, state: str) -> None:
    """Close a locked hold: ``used`` units count, the others are free again."""
    if used:
        UsageEvent.objects.create(
            tenant_id=row.tenant_id,
            feature=row.feature,
            subject=row.subject,
            quantity=used,
            idempotency_key=row.idempotency_key,
            reference=row.reference,
            at=clock.now(),
        )
    with connection.cursor() as cursor:
        # One counter after the other, in the order in which every call takes them.
        for bucket in row.buckets:
            cursor.execute(_SETTLE, {"held": row.quantity, "used": used, "bucket": bucket})
    row.state = state
    row.save(update_fields=["state"])


def expire_holds() -> int:
    """Free the units of holds past their time and return how many; a job calls it every minute."""
    with transaction.atomic(), services.tenancy().public_write("usage"):
        late = list(
            UsageHold.objects.select_for_update(skip_locked=True)
            .filter(state=UsageHold.State.HELD, expires_at__lte=clock.now())
            .order_by("expires_at")[:EXPIRED_BATCH]
        )
        for row in late:
            settle(row, 0, UsageHold.State.EXPIRED)
    return len(late)


def give_back(
    tenant: TenantInfo,
    feature: str,
    quantity: int,
    *,
    person: UUID | None = None,
    idem: UUID,
    failure: Failure,
    ref: str = "",
) -> bool:
    """Return units after a failure that was not the customer's; False when done before.

    It is a negative row of the ledger, never below zero in the counter, at most
    ``GIVEN_BACK_A_DAY`` times in 24 hours for a feature of a tenant (then False as well): a module
    that always fails must not become free. Raises ``ValueError`` for a quantity below 1 or a
    failure that is not declared.
    """
    if quantity < 1 or failure not in get_args(Failure):
        raise ValueError("give back at least one unit, for a declared failure")
    meters = _meters(tenant, feature, person)
    now, reference = clock.now(), f"{failure} {ref}".strip()[:120]
    with transaction.atomic(), services.tenancy().public_write("usage"):
        locks.in_transaction(f"give_back:{tenant.pk}:{feature}")
        if _given_back(tenant, feature, now) >= GIVEN_BACK_A_DAY:
            logger.warning("%s: no more units of %s go back today", tenant.slug, feature)
            return False
        with connection.cursor() as cursor:
            subject = str(person) if person is not None else ""
            cursor.execute(_LEDGER, [tenant.pk, feature, subject, -quantity, idem, reference, now])
            if cursor.fetchone() is None:
                return False
            for meter in meters:
                start, _end = periods.bounds(meter.reset, now, tenant.timezone, meter.anchor)
                cursor.execute(
                    _GIVE_BACK,
                    {
                        "back": quantity,
                        "tenant": tenant.pk,
                        "feature": feature,
                        "subject": subject_of(meter, person),
                        "start": start,
                    },
                )
    return True


def _given_back(tenant: TenantInfo, feature: str, now: datetime) -> int:
    recent = UsageEvent.objects.filter(tenant_id=tenant.pk, feature=feature, quantity__lt=0)
    return recent.filter(at__gt=now - timedelta(days=1)).count()
