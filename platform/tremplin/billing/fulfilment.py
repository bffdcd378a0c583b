"""What an accepted order gives: subscription, invoice, licences. One transaction, the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from tenants.context import use
from tremplin.api import services
from tremplin.api.events import publish
from tremplin.billing import coupons, issuing, lateness, proration, quotes
from tremplin.billing.events import PluginActivated
from tremplin.billing.lines import Line
from tremplin.billing.models import Invoice, Order, Price, Subscription, SubscriptionItem
from tremplin.billing.quotes import Agreed
from tremplin.kernel import audit, clock
from tremplin.licensing import services as licensing
from tremplin.licensing.models import License

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


@transaction.atomic
def fulfil(tenant: TenantInfo, order: Order) -> Invoice | None:
    """Give what the order holds, once, and return its invoice (None when nothing is owed).

    The account is locked by the caller. The invoice is open: a payment settles it.
    """
    if order.body.get("subscription"):
        return _fulfil_change(tenant, order)
    items = quotes.agreed(order.body["items"])
    recurring = [item for item in items if item.price.interval != Price.Interval.ONCE]
    with services.tenancy().public_write("billing"):
        subscription = _open(tenant, order, recurring) if recurring else None
        order.subscription = subscription
        order.save(update_fields=["subscription"])
        lines = [_dated(line, subscription) for line in order_lines(order)]
        invoice = issuing.issue(
            tenant,
            order.account,
            lines,
            provider=order.provider,
            currency=order.currency,
            subscription=subscription,
            order=order,
            issuer=issuing.issuer_of(tenant),
        )
        for item in items:
            if item not in recurring:
                grant(tenant, item, License.Source.ONE_TIME, None)
    if subscription is not None:
        lateness.refresh(tenant, subscription)
    with use(tenant):
        audit.record(
            "billing.order_fulfilled",
            target=f"order:{order.pk}",
            data={"total_minor": order.total_minor, "currency": order.currency},
        )
    return invoice


def order_lines(order: Order) -> list[Line]:
    """Return the lines that an order charges now."""
    return [Line.from_json(body) for body in order.body["lines"]]


def grant(
    tenant: TenantInfo, item: Agreed, source: str, subscription: Subscription | None
) -> License:
    """Give the licence of one item; the one it replaces ends, people keep their seats."""
    version = item.price.plan_version
    seats = item.seats if _counts_seats(item.price) else None
    key = subscription.pk if subscription is not None else None
    state = License.State.TRIALING if source == License.Source.TRIAL else License.State.ACTIVE
    if not version.plan.module:
        return licensing.grant_plan(
            tenant, version, source=source, state=state, seats_total=seats, subscription=key
        )
    held = licensing.grant_module(
        tenant,
        version.plan.module,
        version=version,
        source=source,
        state=state,
        seats_total=seats,
        subscription=key,
    )
    with use(tenant):
        publish(
            PluginActivated(plugin=version.plan.module, license=held.pk),
            aggregate=f"licence:{held.pk}",
        )
    return held


def set_items(
    tenant: TenantInfo, subscription: Subscription, wanted: Sequence[Agreed], source: str
) -> None:
    """Bring the items of a subscription, and their licences, to ``wanted``."""
    rows = list(
        subscription.items.select_related("price__plan_version__plan").order_by("created_at", "id")
    )
    with services.tenancy().public_write("billing"):
        for index, item in enumerate(wanted):
            row = rows[index] if index < len(rows) else None
            if row is None:
                row = SubscriptionItem(subscription=subscription, created_at=clock.now())
            _set_item(tenant, subscription, row, item, source)


def _set_item(
    tenant: TenantInfo,
    subscription: Subscription,
    row: SubscriptionItem,
    item: Agreed,
    source: str,
) -> None:
    held = License.objects.filter(pk=row.license, ended_at=None).first() if row.license else None
    same_version = held is not None and held.plan_version_id == item.price.plan_version_id
    if held is not None and same_version and held.source == source:
        seats = item.seats if _counts_seats(item.price) else held.seats_total
        if held.seats_total != seats:
            licensing.change_seats(tenant, held, seats)
    else:
        held = grant(tenant, item, source, subscription)
    row.price = item.price
    row.amount_minor = item.amount_minor
    row.cost_minor = item.cost_minor
    row.quantity = item.seats
    row.license = held.pk
    row.save()


def _counts_seats(price: Price) -> bool:
    return price.model != Price.Model.FLAT or price.included_seats > 0


def _open(tenant: TenantInfo, order: Order, items: Sequence[Agreed]) -> Subscription:
    now = clock.now()
    days = order.body["trial_days"]
    anchor = now + timedelta(days=days)
    interval = order.body["interval"]
    start, end = proration.period(anchor, tenant.timezone, interval, 0)
    for item in items:
        _end_free(tenant, item.price.plan_version.plan.module)
    subscription = Subscription.objects.create(
        tenant_id=tenant.pk,
        account=order.account,
        provider=order.provider,
        state=Subscription.State.TRIALING if days else Subscription.State.ACTIVE,
        currency=order.currency,
        interval=interval,
        zone=tenant.timezone,
        anchor_at=anchor,
        period_start=now if days else start,
        period_end=anchor if days else end,
        trial_end=anchor if days else None,
        paid_until=None,
        coupon=order.coupon,
        coupon_until=coupons.until(
            order.coupon,
            end,
            lambda months: proration.moment(anchor, tenant.timezone, months),
        ),
        created_at=now,
    )
    source = License.Source.TRIAL if days else License.Source.SUBSCRIPTION
    set_items(tenant, subscription, items, source)
    return subscription


def _end_free(tenant: TenantInfo, module: str) -> None:
    running = quotes.running_item(tenant.pk, module)
    if running is None or running.subscription.provider != "free":
        return
    now = clock.now()
    # Its licence is replaced by the grant that follows.
    Subscription.objects.filter(pk=running.subscription_id).update(
        state=Subscription.State.ENDED, ended_at=now, updated_at=now
    )


def _dated(line: Line, subscription: Subscription | None) -> Line:
    if subscription is None or line.period_start is None:
        return line
    return replace(line, period_start=subscription.period_start, period_end=subscription.period_end)


# --- changes ------------------------------------------------------------------------------------


def _fulfil_change(tenant: TenantInfo, order: Order) -> Invoice | None:
    subscription = Subscription.objects.select_for_update().get(pk=order.body["subscription"])
    invoice = issuing.issue(
        tenant,
        order.account,
        order_lines(order),
        provider=subscription.provider,
        currency=order.currency,
        subscription=subscription,
        order=order,
        issuer=issuing.issuer_of(tenant),
    )
    apply_change(tenant, subscription, order.body, at=clock.now())
    with services.tenancy().public_write("billing"):
        order.subscription = subscription
        order.save(update_fields=["subscription"])
    lateness.refresh(tenant, subscription)
    return invoice


def apply_change(
    tenant: TenantInfo, subscription: Subscription, body: dict[str, object], *, at: datetime
) -> None:
    """Make the items those of a change; another rhythm starts a fresh period at ``at``."""
    wanted = quotes.agreed(body["items"])  # type: ignore[arg-type]
    on_trial = subscription.trial_end is not None and at < subscription.trial_end
    with services.tenancy().public_write("billing"):
        if body["interval"] != subscription.interval:
            subscription.interval = str(body["interval"])
            if not on_trial:
                _restart(subscription, at)
        subscription.object_version += 1
        subscription.save()
    set_items(
        tenant,
        subscription,
        wanted,
        License.Source.TRIAL if on_trial else License.Source.SUBSCRIPTION,
    )
    with use(tenant):
        audit.record(
            "billing.subscription_changed",
            target=f"subscription:{subscription.pk}",
            data={"items": body["items"]},
        )


def _restart(subscription: Subscription, at: datetime) -> None:
    subscription.anchor_at = at
    subscription.period_index = 0
    subscription.period_start, subscription.period_end = proration.period(
        at, subscription.zone, subscription.interval, 0
    )


def restart(subscription: Subscription, at: datetime) -> None:
    """Begin period 0 again at ``at``: what was suspended is not charged afterwards."""
    with services.tenancy().public_write("billing"):
        _restart(subscription, at)
        subscription.save()
