"""Writes on plans, versions, prices and coupons. Each is audited at hq with its reason.

A version that was sold never changes, a price never changes at all: a new version, a new price
take their place, and whoever bought keeps what was bought.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q

from tremplin.api import services as platform
from tremplin.billing import coupons, money, moves
from tremplin.billing.errors import BadAmount
from tremplin.billing.models import Coupon, Price, VersionMove
from tremplin.kernel import audit, clock
from tremplin.licensing import services as licensing
from tremplin.licensing.models import Plan, PlanEntitlement, PlanItem, PlanVersion
from tremplin.operations.plans.errors import (
    CouponExists,
    PlanExists,
    SaleStarted,
    TooManyDecimals,
    WindowBackwards,
    WindowOverlaps,
)

NAMES = ("name_en", "name_fr", "summary_en", "summary_fr", "position", "is_listed")
DURATIONS = ("trial_days", "past_due_days", "grace_days", "read_only_days", "keep_days")


@dataclass(frozen=True, slots=True)
class Value:
    """What a version gives of one feature (see ``PlanEntitlement``); None is unlimited."""

    feature: str
    value: Any
    reset: str = "none"
    scope: str = "tenant"
    overage: str = "deny"
    overage_percent: int = 0
    overage_unit_minor: int | None = None
    overage_cap_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that a version gives: modules, values, days of each stage."""

    modules: tuple[str, ...]
    values: tuple[Value, ...]
    days: dict[str, int]


# --- plans --------------------------------------------------------------------------------------


@transaction.atomic
def create_plan(key: str, *, reason: str, module: str = "", **names: Any) -> Plan:
    """Create a plan with an empty draft version. Raises ``PlanExists``."""
    with platform.tenancy().public_write("plan"):
        if Plan.objects.filter(key=key).exists():
            raise PlanExists
        plan = Plan.objects.create(key=key, module=module, is_custom=True, **names)
        PlanVersion.objects.create(plan=plan, number=1, created_at=clock.now())
    _record("operations.plan_created", f"plan:{plan.key}", reason)
    return plan


@transaction.atomic
def rename_plan(plan: Plan, *, reason: str, **names: Any) -> Plan:
    """Change the texts, the place or the listing of a plan: its versions stay what they are."""
    changed = [name for name in NAMES if name in names and getattr(plan, name) != names[name]]
    for name in changed:
        setattr(plan, name, names[name])
    plan.is_custom = True
    with platform.tenancy().public_write("plan"):
        plan.save(update_fields=[*changed, "is_custom"])
    _record("operations.plan_changed", f"plan:{plan.key}", reason, fields=changed)
    return plan


# --- versions -----------------------------------------------------------------------------------


@transaction.atomic
def new_version(plan: Plan, *, reason: str) -> PlanVersion:
    """Make a draft with the content and the active prices of the latest version.

    A draft that was never on sale is returned as it is: a plan has one at a time.
    """
    with platform.tenancy().public_write("plan"):
        Plan.objects.select_for_update().get(pk=plan.pk)
        latest = plan.versions.latest("number")
        if latest.sold_from is None:
            return latest
        draft = PlanVersion.objects.create(
            plan=plan,
            number=latest.number + 1,
            created_at=clock.now(),
            **{name: getattr(latest, name) for name in DURATIONS},
        )
        _copy(latest, draft)
        Plan.objects.filter(pk=plan.pk).update(is_custom=True)
    _record(
        "operations.version_created", f"plan_version:{draft.pk}", reason, plan=plan.key,
        number=draft.number,
    )  # fmt: skip
    return draft


def _copy(source: PlanVersion, draft: PlanVersion) -> None:
    PlanItem.objects.bulk_create(
        PlanItem(version=draft, module=item.module) for item in source.items.all()
    )
    for row in source.entitlements.all():
        row.pk, row.version = None, draft
        row.save(force_insert=True)
    for price in source.prices.filter(is_active=True):
        copy = Price.objects.create(
            plan_version=draft,
            currency=price.currency,
            interval=price.interval,
            model=price.model,
            amount_minor=price.amount_minor,
            included_seats=price.included_seats,
            tiers=price.tiers,
            tax_code=price.tax_code,
        )
        _follow(price, copy)


@transaction.atomic
def edit_version(version: PlanVersion, content: Content, *, reason: str) -> PlanVersion:
    """Replace what a version gives. Raises ``VersionFrozen`` (409) once something was sold."""
    with platform.tenancy().public_write("plan"):
        row = _locked(version)
        licensing.require_draft(row)
        for name, value in content.days.items():
            setattr(row, name, value)
        row.save(update_fields=[*content.days])
        row.items.all().delete()
        row.entitlements.all().delete()
        PlanItem.objects.bulk_create(
            PlanItem(version=row, module=module) for module in content.modules
        )
        PlanEntitlement.objects.bulk_create(
            PlanEntitlement(
                version=row,
                feature=item.feature,
                value=item.value,
                reset=item.reset,
                scope=item.scope,
                overage=item.overage,
                overage_percent=item.overage_percent,
                overage_unit_minor=item.overage_unit_minor,
                overage_cap_minor=item.overage_cap_minor,
            )
            for item in content.values
        )
        Plan.objects.filter(pk=row.plan_id).update(is_custom=True)
    _record(
        "operations.version_edited",
        f"plan_version:{row.pk}",
        reason,
        modules=sorted(content.modules),
        values={f"{item.feature}/{item.scope}": item.value for item in content.values},
    )
    return row


@transaction.atomic
def set_window(
    version: PlanVersion, *, sold_from: datetime, sold_until: datetime | None, reason: str
) -> PlanVersion:
    """Say when a version is on sale (``sold_until`` out; None: until another one).

    A former version without last day stops when this one begins, and names it as its successor.
    Raises ``WindowBackwards``, ``WindowOverlaps``, ``SaleStarted`` (409).
    """
    if sold_until is not None and sold_until <= sold_from:
        raise WindowBackwards
    with platform.tenancy().public_write("plan"):
        Plan.objects.select_for_update().get(pk=version.plan_id)
        row = _locked(version)
        if row.first_sold_at is not None and sold_from != row.sold_from:
            raise SaleStarted
        others = row.plan.versions.exclude(pk=row.pk).exclude(sold_from=None)
        former = others.filter(sold_until=None, sold_from__lt=sold_from).first()
        for other in others:
            if other != former and _overlap(other, sold_from, sold_until):
                raise WindowOverlaps(other.number)
        if former is not None:
            former.sold_until, former.successor = sold_from, row
            former.save(update_fields=["sold_until", "successor"])
        row.sold_from, row.sold_until = sold_from, sold_until
        row.save(update_fields=["sold_from", "sold_until"])
        Plan.objects.filter(pk=row.plan_id).update(is_custom=True)
    _record(
        "operations.version_window",
        f"plan_version:{row.pk}",
        reason,
        sold_from=sold_from.isoformat(),
        sold_until=sold_until.isoformat() if sold_until else None,
    )
    return row


def _overlap(other: PlanVersion, start: datetime, end: datetime | None) -> bool:
    assert other.sold_from is not None  # noqa: S101  by the query
    begins_before_end = end is None or other.sold_from < end
    return begins_before_end and (other.sold_until is None or other.sold_until > start)


def move_holders(
    version: PlanVersion, target: PlanVersion, notice: datetime, *, reason: str
) -> list[VersionMove]:
    """Plan the move of the holders of a version (see ``billing.moves``)."""
    with transaction.atomic():
        planned = moves.schedule(version, target, notice)
        _record(
            "operations.holders_moved",
            f"plan_version:{version.pk}",
            reason,
            successor=str(target.pk),
            notice=notice.isoformat(),
            licences=[str(move.license_id) for move in planned],
        )
    return planned


def keep_holders(version: PlanVersion, *, reason: str) -> int:
    """Drop the moves away from a version that still wait; return how many."""
    with transaction.atomic():
        many = moves.cancel_waiting(version)
        _record("operations.holders_kept", f"plan_version:{version.pk}", reason, moves=many)
    return many


# --- prices -------------------------------------------------------------------------------------


def amount_minor(amount: Decimal, currency: str) -> int:
    """Return an amount in minor units. Raises ``TooManyDecimals``, ``BadAmount`` below zero."""
    if amount < 0:
        raise BadAmount
    try:
        return money.minor(amount, currency)
    except ValueError:
        raise TooManyDecimals(currency, money.digits(currency)) from None


@dataclass(frozen=True, slots=True)
class NewPrice:
    """A price as the operator sets it; amounts in minor units."""

    currency: str
    interval: str
    model: str
    amount_minor: int
    included_seats: int = 0
    tiers: tuple[tuple[int | None, int], ...] = ()

    @property
    def tiers_json(self) -> list[dict[str, int | None]]:
        """Return the tiers as they are stored."""
        return [{"up_to": up_to, "unit_minor": unit} for up_to, unit in self.tiers]


@transaction.atomic
def set_price(version: PlanVersion, new: NewPrice, *, reason: str, is_free: bool = False) -> Price:
    """Set what a version costs from now on, in one currency and rhythm.

    The price before it is kept for whoever bought at it, and sold to nobody else. Raises
    ``BadAmount`` below zero, and for zero unless ``is_free`` says that it is meant.
    """
    if new.amount_minor < 0 or (new.amount_minor == 0 and not is_free):
        raise BadAmount
    with platform.tenancy().public_write("prices"):
        row = _locked(version)
        held = row.prices.filter(
            currency=new.currency, interval=new.interval, is_active=True
        ).first()
        if held is not None and _same(held, new):
            return held
        if held is not None:
            held.is_active = False
            held.save(update_fields=["is_active"])
        price = Price.objects.create(
            plan_version=row,
            currency=new.currency,
            interval=new.interval,
            model=new.model,
            amount_minor=new.amount_minor,
            included_seats=new.included_seats,
            tiers=new.tiers_json,
        )
        if held is not None:
            _follow(held, price)
    _record(
        "operations.price_set",
        f"price:{price.pk}",
        reason,
        version=str(row.pk),
        currency=price.currency,
        interval=price.interval,
        amount_minor=price.amount_minor,
        former=held.amount_minor if held is not None else None,
    )
    return price


def _follow(former: Price, price: Price) -> None:
    """Give a price what resellers hold about the one it replaces: ranges, own numbers, hidden."""
    for entry in former.entries.all():
        entry.pk, entry.price = None, price
        entry.save(force_insert=True)


def _same(held: Price, new: NewPrice) -> bool:
    return (held.model, held.amount_minor, held.included_seats, held.tiers) == (
        new.model,
        new.amount_minor,
        new.included_seats,
        new.tiers_json,
    )


@transaction.atomic
def stop_price(price: Price, *, reason: str) -> None:
    """Sell nothing more at a price; whoever pays it goes on."""
    with platform.tenancy().public_write("prices"):
        stopped = Price.objects.filter(pk=price.pk, is_active=True).update(is_active=False)
    if stopped:
        _record("operations.price_stopped", f"price:{price.pk}", reason)


# --- coupons ------------------------------------------------------------------------------------


@transaction.atomic
def create_coupon(code: str, *, reason: str, **fields: Any) -> Coupon:
    """Create a discount code. Raises ``CouponExists``, ``BadAmount``."""
    wanted = code.strip().upper()
    if Coupon.objects.filter(code=wanted).exists():
        raise CouponExists
    coupon = coupons.create(wanted, **fields)
    _record("operations.coupon_created", f"coupon:{coupon.pk}", reason, code=coupon.code)
    return coupon


@transaction.atomic
def switch_coupon(coupon: Coupon, *, is_active: bool, reason: str) -> None:
    """Let a code be used, or not; subscriptions that have it keep it."""
    with platform.tenancy().public_write("coupon"):
        changed = Coupon.objects.filter(~Q(is_active=is_active), pk=coupon.pk).update(
            is_active=is_active
        )
    if changed:
        kind = "operations.coupon_opened" if is_active else "operations.coupon_closed"
        _record(kind, f"coupon:{coupon.pk}", reason, code=coupon.code)


# --- steps --------------------------------------------------------------------------------------


def _locked(version: PlanVersion) -> PlanVersion:
    return (
        PlanVersion.objects.select_for_update(of=("self",))
        .select_related("plan")
        .get(pk=version.pk)
    )


def _record(kind: str, target: str, reason: str, **data: object) -> None:
    audit.record(kind, target=target, data={"reason": reason, **data})


def known_plans(keys: Sequence[str]) -> set[str]:
    """Return which of ``keys`` name a plan."""
    return set(Plan.objects.filter(key__in=keys).values_list("key", flat=True))
