"""Discount codes: who may use one, what it takes off, and how often it was used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from tremplin.api import services
from tremplin.billing.errors import BadAmount, BadCoupon
from tremplin.billing.lines import percent_of, share_out
from tremplin.billing.models import Coupon
from tremplin.kernel import clock


@transaction.atomic
def create(code: str, **fields: Any) -> Coupon:
    """Create a code, kept in capitals. Raises ``BadAmount`` for a bad percentage or amount."""
    percent, amount = fields.get("percent"), fields.get("amount_minor")
    if (percent is None) == (amount is None):
        raise BadAmount
    if percent is not None and not 0 < Decimal(percent) <= 100:
        raise BadAmount(100)
    if amount is not None and (amount <= 0 or not fields.get("currency")):
        raise BadAmount
    with services.tenancy().public_write("coupon"):
        return Coupon.objects.create(code=code.strip().upper(), **fields)


def find(code: str, *, currency: str, plans: Sequence[str]) -> Coupon:
    """Return the code, usable now for one of ``plans`` (keys). Raises ``BadCoupon``."""
    found = Coupon.objects.filter(code=code.strip().upper(), is_active=True).first()
    if found is None:
        raise BadCoupon("unknown")
    if found.valid_until is not None and found.valid_until <= clock.now():
        raise BadCoupon("expired")
    if found.max_redemptions is not None and found.redeemed >= found.max_redemptions:
        raise BadCoupon("used_up")
    if found.currency and found.currency != currency:
        raise BadCoupon("other_currency")
    if found.plans and not set(found.plans) & set(plans):
        raise BadCoupon("other_plan")
    return found


def redeem(coupon: Coupon) -> None:
    """Count one use, in the caller's transaction. Raises ``BadCoupon`` beyond the limit.

    One conditional statement: fifty buyers at once never use a code more often than allowed.
    """
    with services.tenancy().public_write("coupon"):
        counted = Coupon.objects.filter(
            Q(max_redemptions=None) | Q(redeemed__lt=F("max_redemptions")), pk=coupon.pk
        ).update(redeemed=F("redeemed") + 1)
    if not counted:
        raise BadCoupon("used_up")


def give_back(coupon: Coupon) -> None:
    """Take one use back: its order came to nothing."""
    with services.tenancy().public_write("coupon"):
        Coupon.objects.filter(pk=coupon.pk, redeemed__gt=0).update(redeemed=F("redeemed") - 1)


def discounts(coupon: Coupon | None, amounts: Sequence[tuple[str, int]]) -> list[int]:
    """Return what ``coupon`` takes off each (plan key, amount), never more than the amount."""
    if coupon is None:
        return [0 for _ in amounts]
    eligible = [
        amount if not coupon.plans or plan in coupon.plans else 0 for plan, amount in amounts
    ]
    if coupon.percent is not None:
        return [percent_of(amount, coupon.percent) for amount in eligible]
    return share_out(min(coupon.amount_minor or 0, sum(eligible)), eligible)


def until(coupon: Coupon | None, first_end: datetime, month: Any) -> datetime | None:
    """Return until when a coupon counts: ``month(n)`` gives the instant n months from the start.

    None for one that always counts (or no coupon at all).
    """
    if coupon is None or coupon.duration == Coupon.Duration.FOREVER:
        return None
    if coupon.duration == Coupon.Duration.ONCE:
        return first_end
    found: datetime = month(coupon.months or 1)
    return found


def in_force(
    coupon: Coupon | None, coupon_until: datetime | None, start: datetime
) -> Coupon | None:
    """Return the coupon when it counts for a period that starts at ``start``."""
    if coupon is None or (coupon_until is not None and start >= coupon_until):
        return None
    return coupon
