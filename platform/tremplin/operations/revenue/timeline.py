"""What each subscription brought per month, at any instant of its life.

Nothing is recorded for it: the story follows from what is stored for good anyway, the order that
opened a subscription, the orders of its immediate changes, the changes that waited for a date, and
its dates. What a provider changed by itself, and a price that changed at a renewal, are dated at
the start of the present period, because nothing older says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.db.models import Prefetch

from tremplin.billing import pricing
from tremplin.billing.lines import half_up, share_out
from tremplin.billing.models import (
    Order,
    Price,
    Subscription,
    SubscriptionChange,
    SubscriptionItem,
)
from tremplin.billing.proration import MONTHS
from tremplin.licensing import states


@dataclass(frozen=True, slots=True)
class Part:
    """One plan or module of a subscription, per month, before VAT and discounts, in minor units.

    ``retail_minor`` is what the customer pays; ``platform_minor`` what the platform earns of it:
    the reseller's cost for the client of a reseller, else the same amount.
    """

    plan: str
    module: str
    retail_minor: int
    platform_minor: int


@dataclass(frozen=True, slots=True)
class Track:
    """A subscription over time: from ``starts_at`` (after its trial) until ``ends_at`` (out)."""

    tenant_id: int
    currency: str
    starts_at: datetime
    ends_at: datetime | None
    steps: tuple[tuple[datetime, tuple[Part, ...]], ...]

    def at(self, moment: datetime) -> tuple[Part, ...]:
        """Return what it brings at ``moment``: nothing before it is paid nor from its end on."""
        if moment < self.starts_at or (self.ends_at is not None and moment >= self.ends_at):
            return ()
        index = bisect_right([at for at, _parts in self.steps], moment)
        return self.steps[max(index - 1, 0)][1]


def tracks() -> list[Track]:
    """Return every subscription's story, in five queries whatever their number."""
    changes = SubscriptionChange.objects.filter(state=SubscriptionChange.State.APPLIED)
    orders = Order.objects.exclude(state=Order.State.FAILED).order_by("created_at", "id")
    items = SubscriptionItem.objects.select_related("price__plan_version__plan").order_by(
        "created_at", "id"
    )
    rows = list(
        Subscription.objects.prefetch_related(
            Prefetch("items", items),
            Prefetch("orders", orders),
            Prefetch("changes", changes.order_by("effective_at", "created_at")),
        ).order_by("created_at", "id")
    )
    prices = _prices(rows)
    return [_track(row, prices) for row in rows]


def _prices(rows: Iterable[Subscription]) -> dict[UUID, Price]:
    keys = {
        UUID(item["price"])
        for row in rows
        for body in [
            *(order.body for order in row.orders.all()),
            *(change.body for change in row.changes.all()),
        ]
        for item in body.get("items", ())
    }
    return Price.objects.in_bulk(keys)


def _track(row: Subscription, prices: Mapping[UUID, Price]) -> Track:
    found: list[tuple[datetime, tuple[Part, ...]]] = []
    for order in row.orders.all():
        at = order.created_at if order.body.get("subscription") else row.created_at
        found.append((at, _ordered(order.body["items"], prices)))
    found += [
        (change.effective_at, _ordered(change.body["items"], prices))
        for change in row.changes.all()
        if change.body.get("items")
    ]
    found.sort(key=lambda step: step[0])
    now = _held(row)
    if not found:
        found = [(row.created_at, now)]
    elif found[-1][1] != now:
        found.append((max(row.period_start, found[-1][0]), now))
    return Track(
        row.tenant_id,
        row.currency,
        row.trial_end or row.created_at,
        _ends_at(row),
        tuple(found),
    )


def _ends_at(row: Subscription) -> datetime | None:
    """Return when it stopped to bring anything: its end, or the suspension that came before.

    A suspension that was paid since leaves no hole: only what is unpaid now counts.
    """
    found = [row.ended_at] if row.ended_at is not None else []
    item = next(iter(row.items.all()), None)
    if row.unpaid_since is not None and item is not None:
        version = item.price.plan_version
        durations = states.Durations(version.past_due_days, version.grace_days)
        found.append(states.suspended_at(row.unpaid_since, durations))
    return min(found, default=None)


def _ordered(items: Sequence[Mapping[str, Any]], prices: Mapping[UUID, Price]) -> tuple[Part, ...]:
    rows = [
        (prices[UUID(item["price"])], item)
        for item in items
        if UUID(item["price"]) in prices and item["interval"] != Price.Interval.ONCE
    ]
    return _parts(
        [
            (item["plan"], item["module"], price, item["amount_minor"], item["cost_minor"],
             item["seats"])
            for price, item in rows
        ]
    )  # fmt: skip


def _held(row: Subscription) -> tuple[Part, ...]:
    return _parts(
        [
            (item.price.plan_version.plan.key, item.price.plan_version.plan.module, item.price,
             item.amount_minor, item.cost_minor, item.quantity)
            for item in row.items.all()
        ]
    )  # fmt: skip


def _parts(
    rows: Sequence[tuple[str, str, Price, int, int | None, int]],
) -> tuple[Part, ...]:
    """Return the monthly parts; a year is divided by twelve once, half-up, then shared out."""
    if not rows:
        return ()
    months = MONTHS[rows[0][2].interval]
    retail = [pricing.total(price, amount, seats) for _k, _m, price, amount, _c, seats in rows]
    earned = [
        pricing.cost(price, cost, seats) if cost is not None else retail[index]
        for index, (_k, _m, price, _a, cost, seats) in enumerate(rows)
    ]
    return tuple(
        Part(row[0], row[1], one, other)
        for row, one, other in zip(
            rows, _monthly(retail, months), _monthly(earned, months), strict=True
        )
    )


def _monthly(amounts: Sequence[int | None], months: int) -> list[int]:
    whole = [amount or 0 for amount in amounts]
    return share_out(half_up(Fraction(sum(whole), months)), whole)
