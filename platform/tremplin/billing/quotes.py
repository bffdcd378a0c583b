"""Quotes: what a purchase or a change costs, computed once, stored, honoured for 15 minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from tremplin.api import Problem, services
from tremplin.billing import coupons, guards, pricing, proration, taxes
from tremplin.billing.accounts import account_of
from tremplin.billing.errors import AlreadySubscribed, NotChangeable, NotSold, PaymentLate
from tremplin.billing.lines import Line, half_up, totals
from tremplin.billing.models import (
    BillingAccount,
    Coupon,
    Invoice,
    Price,
    Quote,
    Subscription,
    SubscriptionItem,
)
from tremplin.billing.proration import Charge
from tremplin.kernel import clock
from tremplin.licensing.models import License, PlanVersion

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

HONOURED = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing to buy: a version of a plan or of a module's plan, its rhythm and its seats."""

    version: PlanVersion
    interval: str = "month"
    seats: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Another plan or rhythm (``plan``), or another number of seats (``seats``)."""

    kind: Literal["plan", "seats"]
    version: PlanVersion | None = None
    interval: str = ""
    seats: int | None = None


@dataclass(frozen=True, slots=True)
class Agreed:
    """An item at the amounts it was sold at; base amounts, not for the seats."""

    price: Price
    amount_minor: int
    cost_minor: int | None
    seats: int

    def as_json(self) -> dict[str, Any]:
        """Return the item as JSON values."""
        return {
            "price": str(self.price.pk),
            "amount_minor": self.amount_minor,
            "cost_minor": self.cost_minor,
            "seats": self.seats,
            "plan": self.price.plan_version.plan.key,
            "module": self.price.plan_version.plan.module,
            "version": str(self.price.plan_version_id),
            "interval": self.price.interval,
        }


def agreed(items: Sequence[dict[str, Any]]) -> list[Agreed]:
    """Return the items that a stored quote or order holds."""
    prices = Price.objects.select_related("plan_version__plan").in_bulk(
        [UUID(item["price"]) for item in items]
    )
    return [
        Agreed(prices[UUID(item["price"])], item["amount_minor"], item["cost_minor"], item["seats"])
        for item in items
    ]


def agreed_of(subscription: Subscription) -> list[Agreed]:
    """Return the items of a subscription, oldest first."""
    rows = subscription.items.select_related("price__plan_version__plan").order_by(
        "created_at", "id"
    )
    return [Agreed(row.price, row.amount_minor, row.cost_minor, row.quantity) for row in rows]


def charges(
    tenant: TenantInfo, account: BillingAccount, items: Sequence[Agreed], coupon: Coupon | None
) -> list[Charge]:
    """Return what each item costs for one whole period, with ``coupon`` taken off."""
    gross = [pricing.total(item.price, item.amount_minor, item.seats) for item in items]
    taken = coupons.discounts(
        coupon,
        [
            (item.price.plan_version.plan.key, amount)
            for item, amount in zip(items, gross, strict=True)
        ],
    )
    found = []
    for item, amount, discount in zip(items, gross, taken, strict=True):
        plan = item.price.plan_version.plan
        rate, category = taxes.rate_for(account, item.price.tax_code)
        cost = pricing.cost(item.price, item.cost_minor, item.seats)
        if cost is not None and discount and amount:
            # The platform gives the discount: cost and margin shrink alike.
            cost = half_up(Fraction(cost * (amount - discount), amount))
        per_seat = item.price.model == Price.Model.PER_SEAT and not discount
        found.append(
            Charge(
                name=_name(tenant, item, coupon if discount else None),
                net_minor=amount - discount,
                seats=item.seats,
                tax_rate=rate,
                tax_category=category,
                price=item.price.pk,
                module=plan.module,
                cost_minor=cost,
                reseller_tenant_id=tenant.reseller_pk if cost is not None else None,
                client_tenant_id=tenant.pk if cost is not None else None,
                unit_minor=item.amount_minor if per_seat else None,
            )
        )
    return found


def _name(tenant: TenantInfo, item: Agreed, coupon: Coupon | None) -> str:
    plan = item.price.plan_version.plan
    with override(tenant.locale):
        name = plan.name_fr if tenant.locale.startswith("fr") else plan.name_en
        text: str = (
            ngettext("%(name)s, %(seats)s seat", "%(name)s, %(seats)s seats", item.seats)
            % {"name": name, "seats": item.seats}
            if item.price.model != Price.Model.FLAT or item.price.included_seats
            else name
        )
        if coupon is not None:
            text = _("%(name)s (code %(code)s)") % {"name": text, "code": coupon.code}
        return text


# --- purchases ----------------------------------------------------------------------------------


def make(
    tenant: TenantInfo, lines: Sequence[Wanted], *, coupon: str = "", trial: bool = False
) -> Quote:
    """Store the quote of a purchase (see ``services.quote``)."""
    account = account_of(tenant)
    items = [_agree(tenant, account.currency, wanted) for wanted in lines]
    recurring = [item for item in items if item.price.interval != Price.Interval.ONCE]
    rhythms = {item.price.interval for item in recurring}
    scopes = [item.price.plan_version.plan.module for item in items]
    if not items:
        raise Problem(422, "empty", _("Choose a plan or a module."))
    if len(rhythms) > 1 or len(set(scopes)) < len(scopes):
        raise NotSold("mixed")
    for scope in scopes:
        refuse_twice(tenant, scope)
    plans = [item.price.plan_version.plan.key for item in items]
    found = coupons.find(coupon, currency=account.currency, plans=plans) if coupon else None
    now = clock.now()
    interval = rhythms.pop() if rhythms else ""
    trial_days = _trial_days(tenant, recurring) if trial else 0
    start = now + timedelta(days=trial_days)
    end = proration.period(start, tenant.timezone, interval, 0)[1] if interval else None
    due = [item for item in items if item not in recurring] if trial_days else items
    drawn = lines_of(charges(tenant, account, due, found), due, start, end)
    later = lines_of(charges(tenant, account, recurring, found), recurring, start, end)
    return _store(
        tenant.pk,
        "purchase",
        drawn,
        {
            "items": [item.as_json() for item in items],
            "recurring": [line.as_json() for line in later],
            "currency": account.currency,
            "interval": interval,
            "coupon": str(found.pk) if found else None,
            "trial_days": trial_days,
            "scope": _scope(items),
        },
    )


def lines_of(
    found: Sequence[Charge], items: Sequence[Agreed], start: datetime, end: datetime | None
) -> list[Line]:
    """Return the invoice lines of whole periods; a one-time item has no period."""
    return [
        charge.line(None, None)
        if item.price.interval == Price.Interval.ONCE
        else charge.line(start, end)
        for charge, item in zip(found, items, strict=True)
    ]


def _agree(tenant: TenantInfo, currency: str, wanted: Wanted) -> Agreed:
    found = pricing.find(tenant, wanted.version, wanted.interval, currency)
    guards.check(tenant, wanted.version)
    seats = pricing.check_seats(found.price, wanted.seats)
    return Agreed(found.price, found.amount_minor, found.cost_minor, seats)


def _scope(items: Sequence[Agreed]) -> str:
    """Return the key under which only one order is open: the plan, or the modules."""
    modules = sorted(item.price.plan_version.plan.module or "plan" for item in items)
    return "buy:" + "+".join(modules)[:70]


def running_item(tenant_pk: int, module: str) -> SubscriptionItem | None:
    """Return the item of a running subscription for the plan ("") or a module."""
    return (
        SubscriptionItem.objects.filter(
            subscription__tenant_id=tenant_pk, price__plan_version__plan__module=module
        )
        .exclude(subscription__state=Subscription.State.ENDED)
        .select_related("subscription")
        .first()
    )


def refuse_twice(tenant: TenantInfo, module: str) -> None:
    """Raise ``AlreadySubscribed`` when the space pays, or paid once, for the plan or the module."""
    running = running_item(tenant.pk, module)
    # A free plan gives way to a paid one: it costs nothing to end it.
    if running is not None and running.subscription.provider != "free":
        raise AlreadySubscribed(str(running.subscription_id))
    owned = License.objects.filter(
        tenant_id=tenant.pk, module=module, source=License.Source.ONE_TIME
    ).exclude(state=License.State.ENDED)
    if module and owned.exists():
        raise AlreadySubscribed("")


def _trial_days(tenant: TenantInfo, items: Sequence[Agreed]) -> int:
    days = min((item.price.plan_version.trial_days for item in items), default=0)
    plans = [item.price.plan_version.plan_id for item in items]
    used = SubscriptionItem.objects.filter(
        subscription__tenant_id=tenant.pk,
        subscription__trial_end__isnull=False,
        price__plan_version__plan__in=plans,
    ).exists()
    if used or not days:
        from tremplin.licensing.errors import TrialUsed

        raise TrialUsed(items[0].price.plan_version.plan.module if items else "")
    return days


# --- changes ------------------------------------------------------------------------------------


def make_change(subscription: Subscription, change: Change) -> Quote:
    """Store the quote of a change (see ``services.preview_change``).

    More money per second: at once, the rest of the period credited and charged by second. Less:
    at the end of the period. During a trial everything is at once and costs nothing.
    """
    from tenants import registry

    tenant = registry.by_pk(subscription.tenant_id)
    if tenant is None or subscription.ended_at or subscription.cancel_at_period_end:
        raise NotChangeable
    if subscription.provider != "free" and is_late(subscription):
        raise PaymentLate
    now = clock.now()
    old = agreed_of(subscription)
    new = _changed(tenant, subscription, old, change)
    if [item.as_json() for item in new] == [item.as_json() for item in old]:
        raise NotSold("same")
    account = subscription.account
    coupon = coupons.in_force(
        subscription.coupon, subscription.coupon_until, subscription.period_start
    )
    before = charges(tenant, account, old, coupon)
    after = charges(tenant, account, new, coupon)
    interval = new[0].price.interval
    on_trial = subscription.trial_end is not None and now < subscription.trial_end
    grows = _per_month(after, interval) > _per_month(before, subscription.interval)
    fresh = interval != subscription.interval or subscription.provider == "free"
    drawn: list[Line] = []
    if grows and not on_trial:
        new_end = proration.period(now, subscription.zone, interval, 0)[1] if fresh else None
        with override(tenant.locale):
            drawn = proration.change_lines(
                before, after, subscription.period_start, subscription.period_end, now,
                credit_text=_("Credit for unused time: %s"), charge_text=_("Remaining time: %s")
                if new_end is None else "%s",
                new_end=new_end,
            )  # fmt: skip
    at_once = on_trial or (grows and totals(drawn).total_minor >= 0)
    if not at_once:
        drawn = []
    return _store(
        tenant.pk,
        "change",
        drawn,
        {
            "items": [item.as_json() for item in new],
            "recurring": [
                line.as_json() for line in lines_of(after, new, subscription.period_end, None)
            ],
            "currency": subscription.currency,
            "interval": interval,
            "subscription": str(subscription.pk),
            "stamp": stamp(subscription),
            "kind": change.kind,
            "is_immediate": at_once,
            "is_fresh": fresh,
            "effective_at": (now if at_once else subscription.period_end).isoformat(),
        },
    )


def stamp(subscription: Subscription) -> str:
    """Return what must not have moved between a preview and its execution."""
    items = "|".join(
        f"{item.price.pk}x{item.seats}@{item.amount_minor}" for item in agreed_of(subscription)
    )
    return f"{subscription.period_start.isoformat()}#{subscription.cancel_at_period_end}#{items}"


def is_late(subscription: Subscription) -> bool:
    """Return whether an invoice of the subscription is past its due date."""
    from zoneinfo import ZoneInfo

    today = clock.now().astimezone(ZoneInfo(subscription.zone)).date()
    return subscription.invoices.filter(state=Invoice.State.OPEN, due_on__lt=today).exists() or (
        subscription.unpaid_since is not None and subscription.unpaid_since <= clock.now()
    )


def _changed(
    tenant: TenantInfo, subscription: Subscription, old: Sequence[Agreed], change: Change
) -> list[Agreed]:
    if change.kind == "seats":
        return [_with_seats(old[0], change.seats), *old[1:]]
    former = old[0]
    version = change.version or former.price.plan_version
    interval = change.interval or subscription.interval
    found = pricing.find(tenant, version, interval, subscription.currency)
    if found.price.plan_version.plan.module != former.price.plan_version.plan.module:
        raise NotSold("other_thing")
    if len(old) > 1 and interval != subscription.interval:
        raise NotSold("mixed")
    wanted = change.seats
    if wanted is None and found.price.model != Price.Model.FLAT:
        wanted = max(former.seats, pricing.included(found.price))
    seats = pricing.check_seats(found.price, wanted)
    return [Agreed(found.price, found.amount_minor, found.cost_minor, seats), *old[1:]]


def _with_seats(item: Agreed, seats: int | None) -> Agreed:
    """Change the seats of an item at the amounts it was sold at."""
    return Agreed(
        item.price, item.amount_minor, item.cost_minor, pricing.check_seats(item.price, seats)
    )


def _per_month(found: Sequence[Charge], interval: str) -> Fraction:
    return Fraction(sum(item.net_minor for item in found), proration.MONTHS[interval])


# --- storage ------------------------------------------------------------------------------------


def _store(tenant_pk: int, kind: str, lines: Sequence[Line], body: dict[str, Any]) -> Quote:
    now = clock.now()
    found = totals(lines)
    body = {
        **body,
        "lines": [line.as_json() for line in lines],
        "net_minor": found.net_minor,
        "tax_minor": found.tax_minor,
        "total_minor": found.total_minor,
        "taxes": [
            {
                "rate": str(item.rate),
                "category": item.category,
                "net_minor": item.net_minor,
                "tax_minor": item.tax_minor,
            }
            for item in found.taxes
        ],
    }
    with transaction.atomic(), services.tenancy().public_write("quote"):
        return Quote.objects.create(
            tenant_id=tenant_pk, kind=kind, body=body, created_at=now, expires_at=now + HONOURED
        )
