"""The subscription engine: renewals, changes and ends, by the business clock.

Every subscription is worked on under the lock of its account, one step at a time, so that a
second run finds nothing left to do. A clock that jumped over two periods makes two invoices. Money
is collected after the commit, and reported as facts like everybody else's.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from tenants import registry
from tenants.context import use
from tremplin.api import Problem, services
from tremplin.billing import (
    accounts,
    collection,
    coupons,
    dunning,
    fulfilment,
    issuing,
    lateness,
    moves,
    orders,
    overage,
    proration,
    quotes,
    wholesale,
)
from tremplin.billing.errors import (
    KeyReused,
    NotChangeable,
    NotFound,
    PaymentLate,
    QuoteExpired,
    QuoteStale,
)
from tremplin.billing.models import (
    Invoice,
    Order,
    Quote,
    Subscription,
    SubscriptionChange,
)
from tremplin.billing.providers import get
from tremplin.kernel import audit, clock
from tremplin.licensing import services as licensing
from tremplin.licensing.models import License

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

logger = logging.getLogger(__name__)
# A clock moved by ten years still ends: monthly periods of one run.
MOST_STEPS = 130


@dataclass(slots=True)
class Run:
    """What one run did; ``problems`` names the subscriptions that could not be renewed."""

    renewed: int = 0
    ended: int = 0
    expired_orders: int = 0
    collected: int = 0
    reminders: int = 0
    wholesale: int = 0
    problems: list[str] = field(default_factory=list)


def run_due(now: datetime | None = None) -> Run:
    """Do everything whose time has come: orders, renewals, collection, reminders, statements."""
    at = now or clock.now()
    run = Run()
    run.expired_orders = orders.expire(at)
    moves.run_due(at)
    due = Subscription.objects.filter(ended_at=None).filter(
        Q(period_end__lte=at) | Q(unpaid_since__lte=at)
    )
    for key in list(due.order_by("period_end").values_list("pk", flat=True)):
        try:
            _run_one(key, at, run)
        except Problem as problem:
            logger.warning("subscription %s was not renewed: %s", key, problem.code)
            run.problems.append(f"{key}: {problem.code}")
    run.collected = collection.collect_due(at)
    run.reminders = dunning.run(at)
    run.wholesale = wholesale.run(at, run.problems)
    return run


def _run_one(key: UUID, at: datetime, run: Run) -> None:
    for _ in range(MOST_STEPS):
        with transaction.atomic(), services.tenancy().public_write("billing"):
            found = Subscription.objects.select_related("account").get(pk=key)
            accounts.lock(found.account)
            row = Subscription.objects.select_for_update().get(pk=key)
            tenant = registry.by_pk(row.tenant_id)
            if tenant is None or row.ended_at or "engine" not in get(row.provider).capabilities:
                return
            step = _step(tenant, row, at)
        if step == "renewed":
            run.renewed += 1
        elif step == "ended":
            run.ended += 1
            return
        else:
            return


def _step(tenant: TenantInfo, row: Subscription, at: datetime) -> str:
    """Do the next thing of a subscription: ``renewed``, ``ended`` or ``nothing``."""
    state = lateness.refresh(tenant, row)
    if state == Subscription.State.ENDED:
        _end(tenant, row, at, "unpaid")
        return "ended"
    if row.period_end > at:
        return "nothing"
    if row.cancel_at_period_end:
        # Its licences stop on that date, suspended or not.
        _end(tenant, row, row.period_end, "canceled")
        return "ended"
    if state == Subscription.State.SUSPENDED:
        return "nothing"
    _renew(tenant, row, at)
    return "renewed"


def resume(tenant: TenantInfo, row: Subscription, at: datetime) -> None:
    """Begin a new period after a suspension was paid: the time without service is not charged."""
    fulfilment.restart(row, at)
    _bill_period(tenant, row)


# --- renewal ------------------------------------------------------------------------------------


def _renew(tenant: TenantInfo, row: Subscription, at: datetime) -> None:
    was_trial = row.trial_end is not None and row.period_end == row.trial_end
    boundary = row.period_end
    if was_trial:
        row.period_index = 0
        row.period_start, row.period_end = proration.period(
            row.anchor_at, row.zone, row.interval, 0
        )
    else:
        row.period_index += 1
        row.period_start, row.period_end = proration.period(
            row.anchor_at, row.zone, row.interval, row.period_index
        )
    row.save()
    _apply_waiting(tenant, row, boundary)
    moves.apply_due(tenant, row, boundary)
    _reprice(tenant, row)
    if was_trial:
        fulfilment.set_items(tenant, row, quotes.agreed_of(row), License.Source.SUBSCRIPTION)
    _bill_period(tenant, row)


def _apply_waiting(tenant: TenantInfo, row: Subscription, boundary: datetime) -> None:
    """Apply the changes that waited for this date, oldest first."""
    waiting = row.changes.filter(
        state=SubscriptionChange.State.WAITING, effective_at__lte=boundary
    ).order_by("created_at")
    for change in waiting:
        fulfilment.apply_change(tenant, row, change.body, at=boundary)
        change.state = SubscriptionChange.State.APPLIED
        change.applied_at = clock.now()
        change.save(update_fields=["state", "applied_at"])


def _reprice(tenant: TenantInfo, row: Subscription) -> None:
    """A space that left its reseller pays the public price from its next period on."""
    if tenant.reseller_pk is not None:
        return
    for item in row.items.select_related("price").exclude(cost_minor=None):
        item.amount_minor, item.cost_minor = item.price.amount_minor, None
        item.save(update_fields=["amount_minor", "cost_minor"])


def _bill_period(tenant: TenantInfo, row: Subscription) -> Invoice | None:
    """Issue the invoice of the current period; a free one is paid as it begins."""
    coupon = coupons.in_force(row.coupon, row.coupon_until, row.period_start)
    items = quotes.agreed_of(row)
    drawn = quotes.charges(tenant, row.account, items, coupon)
    lines = [charge.line(row.period_start, row.period_end) for charge in drawn]
    lines += overage.take_lines(tenant, row)
    invoice = issuing.issue(
        tenant,
        row.account,
        lines,
        provider=row.provider,
        currency=row.currency,
        subscription=row,
        issuer=issuing.issuer_of(tenant),
    )
    if invoice is None:
        row.paid_until = row.period_end
        row.save(update_fields=["paid_until"])
    lateness.refresh(tenant, row)
    return invoice


def _end(tenant: TenantInfo, row: Subscription, at: datetime, reason: str) -> None:
    with services.tenancy().public_write("billing"):
        row.ended_at = at
        row.state = Subscription.State.ENDED
        row.save(update_fields=["ended_at", "state", "updated_at"])
        row.changes.filter(state=SubscriptionChange.State.WAITING).update(
            state=SubscriptionChange.State.CANCELED
        )
    for held in lateness.licences(row):
        licensing.end(tenant, held, reason=reason)
    overage.close(tenant, row)
    with use(tenant):
        audit.record(
            "billing.subscription_ended",
            target=f"subscription:{row.pk}",
            data={"reason": reason, "at": at.isoformat()},
        )


# --- what the customer asks ---------------------------------------------------------------------


def execute_change(
    subscription: Subscription, quote: Quote, *, idempotency_key: UUID, by: UUID | None
) -> Subscription:
    """Execute a previewed change (see ``services.change``)."""
    tenant = _tenant(subscription)
    if quote.tenant_id != tenant.pk or quote.body.get("subscription") != str(subscription.pk):
        raise NotFound
    provider = orders.usable(subscription.provider)
    if "engine" not in provider.capabilities:
        return _change_elsewhere(subscription, quote, idempotency_key)
    with transaction.atomic(), services.tenancy().public_write("billing"):
        accounts.lock(subscription.account)
        row = Subscription.objects.select_for_update().get(pk=subscription.pk)
        if _was_done(row, quote, idempotency_key):
            return row
        _refuse(row, quote)
        if not quote.body["is_immediate"]:
            _schedule(row, quote, idempotency_key, by)
            return row
        _forget_waiting(row)
        order = orders.create_for_change(tenant, quote, row.provider, by, idempotency_key)
        if order.total_minor == 0 or not orders.needs_page(provider):
            fulfilment.fulfil(tenant, order)
            if order.total_minor == 0:
                orders.settle_free(order)
            row.refresh_from_db()
            return row
    collection.collect_order(order)
    row.refresh_from_db()
    return row


def _was_done(row: Subscription, quote: Quote, key: UUID) -> bool:
    known = Order.objects.filter(idempotency_key=key).first()
    if known is not None:
        if known.body.get("subscription") != quote.body["subscription"]:
            raise KeyReused
        return known.state != Order.State.FAILED
    return row.changes.filter(body__key=str(key)).exists()


def _refuse(row: Subscription, quote: Quote) -> None:
    if quote.expires_at <= clock.now():
        raise QuoteExpired
    if row.ended_at is not None or row.cancel_at_period_end:
        raise NotChangeable
    if quotes.stamp(row) != quote.body["stamp"]:
        raise QuoteStale
    if row.provider != "free" and quotes.is_late(row):
        raise PaymentLate


def _schedule(row: Subscription, quote: Quote, key: UUID, by: UUID | None) -> None:
    _forget_waiting(row)
    SubscriptionChange.objects.create(
        subscription=row,
        kind=quote.body["kind"],
        body={**quote.body, "key": str(key), "by": str(by) if by else None},
        effective_at=row.period_end,
        created_at=clock.now(),
    )
    with use(_tenant(row)):
        audit.record(
            "billing.change_scheduled",
            target=f"subscription:{row.pk}",
            data={"at": row.period_end.isoformat(), "items": quote.body["items"]},
        )


def _change_elsewhere(subscription: Subscription, quote: Quote, key: UUID) -> Subscription:
    """Let the provider change its subscription; its facts change ours."""
    from tremplin.billing import projector

    _refuse(subscription, quote)
    answer = get(subscription.provider).change_subscription(
        subscription, quote, preview=False, idempotency_key=str(key)
    )
    for fact in answer.facts:
        projector.apply(fact)
    subscription.refresh_from_db()
    return subscription


def undo_changes(subscription: Subscription) -> int:
    """Forget the changes that wait for the end of the period; return how many."""
    with transaction.atomic(), services.tenancy().public_write("billing"):
        accounts.lock(subscription.account)
        return _forget_waiting(subscription)


def _forget_waiting(row: Subscription) -> int:
    return row.changes.filter(state=SubscriptionChange.State.WAITING).update(
        state=SubscriptionChange.State.CANCELED
    )


def cancel(
    subscription: Subscription, *, at_period_end: bool, by: UUID | None = None
) -> Subscription:
    """End a subscription at the end of its period, or now; twice is the same as once.

    A suspended one is not renewed: when its period is over already, it ends now.
    """
    tenant = _tenant(subscription)
    provider = get(subscription.provider)
    if "engine" not in provider.capabilities:
        provider.cancel(subscription, at_period_end=at_period_end)
        subscription.refresh_from_db()
        return subscription
    now = clock.now()
    with transaction.atomic(), services.tenancy().public_write("billing"):
        accounts.lock(subscription.account)
        row = Subscription.objects.select_for_update().get(pk=subscription.pk)
        if row.ended_at is not None:
            return row
        at_period_end = at_period_end and row.period_end > now
        row.canceled_at = row.canceled_at or now
        row.cancel_at_period_end = at_period_end
        row.save(update_fields=["canceled_at", "cancel_at_period_end", "updated_at"])
        _forget_waiting(row)
        if not at_period_end:
            _end(tenant, row, now, "canceled")
        else:
            for held in lateness.licences(row):
                licensing.extend(tenant, held, valid_until=row.period_end)
        with use(tenant):
            audit.record(
                "billing.subscription_canceled",
                target=f"subscription:{row.pk}",
                data={"at_period_end": at_period_end, "by": str(by) if by else None},
            )
    return row


def undo_cancel(subscription: Subscription, *, by: UUID | None = None) -> Subscription:
    """Continue a subscription that was to end. Raises ``NotChangeable`` once the date has passed."""
    tenant = _tenant(subscription)
    provider = get(subscription.provider)
    if "engine" not in provider.capabilities:
        if subscription.ended_at is not None:
            raise NotChangeable
        provider.undo_cancel(subscription)
        subscription.refresh_from_db()
        return subscription
    with transaction.atomic(), services.tenancy().public_write("billing"):
        accounts.lock(subscription.account)
        row = Subscription.objects.select_for_update().get(pk=subscription.pk)
        if row.ended_at is not None or row.period_end <= clock.now():
            raise NotChangeable
        if row.cancel_at_period_end:
            row.cancel_at_period_end, row.canceled_at = False, None
            row.save(update_fields=["canceled_at", "cancel_at_period_end", "updated_at"])
            for held in lateness.licences(row):
                licensing.extend(tenant, held, valid_until=None)
            with use(tenant):
                audit.record(
                    "billing.cancel_undone",
                    target=f"subscription:{row.pk}",
                    data={"by": str(by) if by else None},
                )
    return row


def _tenant(subscription: Subscription) -> TenantInfo:
    found = registry.by_pk(subscription.tenant_id)
    if found is None:
        raise NotFound
    return found
