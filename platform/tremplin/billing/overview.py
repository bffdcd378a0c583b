"""What a space pays and owes, read for its pages: plan, seats, next invoice, warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from tremplin.billing import cards, coupons, overage, quotes
from tremplin.billing.errors import NotFound
from tremplin.billing.lines import Totals, totals
from tremplin.billing.models import Invoice, Order, Quote, Subscription, SubscriptionChange
from tremplin.billing.quotes import Agreed
from tremplin.kernel import clock
from tremplin.licensing import seats, snapshots
from tremplin.licensing.models import License
from tremplin.licensing.seats import SeatStatus

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

TRIAL_NOTICE = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One thing that a subscription pays."""

    name: str
    seats: int
    has_seats: bool
    amount_minor: int
    module: str


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A running subscription as its page shows it."""

    subscription: Subscription
    items: tuple[ItemRow, ...]
    next_at: datetime | None
    next_totals: Totals | None
    waiting: tuple[SubscriptionChange, ...]
    has_seats: bool

    @property
    def name(self) -> str:
        """Return what it pays, in one line."""
        return ", ".join(item.name for item in self.items)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the administrators should act upon."""

    variant: Literal["info", "warning", "destructive"]
    text: str
    url: str
    label: str
    testid: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything on the first page of billing."""

    plan: License | None
    plan_name: str
    plan_state: str
    plan_state_name: str
    seats: SeatStatus
    seats_open_until: datetime | None
    seats_after: int | None
    subscriptions: tuple[SubscriptionRow, ...]
    open_orders: tuple[Order, ...]
    unpaid: tuple[Invoice, ...]
    warnings: tuple[Notice, ...]


def of(tenant: TenantInfo) -> Overview:
    """Return the overview of a space."""
    held = seats.plan_license(tenant)
    name = cards.plan_name(held.plan_version) if held is not None and held.plan_version else ""
    now = clock.now()
    # The nightly job records states; what counts is the state of this instant.
    state = snapshots.current_state(held).state if held is not None else ""
    return Overview(
        plan=held,
        plan_name=name,
        plan_state=state,
        plan_state_name=str(License.State(state).label) if state else "",
        seats=seats.status(tenant),
        seats_open_until=snapshots.open_until(held) if held is not None else None,
        seats_after=held.seats_total if held is not None else None,
        subscriptions=tuple(row_of(tenant, item) for item in running(tenant)),
        open_orders=tuple(
            Order.objects.filter(
                tenant_id=tenant.pk, state=Order.State.OPEN, expires_at__gt=now
            ).order_by("-created_at")
        ),
        unpaid=tuple(unpaid_invoices(tenant)),
        warnings=tuple(warnings(tenant)),
    )


def running(tenant: TenantInfo) -> Sequence[Subscription]:
    """Return the subscriptions that have not ended, oldest first."""
    return (
        Subscription.objects.filter(tenant_id=tenant.pk)
        .exclude(state=Subscription.State.ENDED)
        .select_related("account", "coupon")
        .order_by("created_at", "id")
    )


def plan_subscription(tenant: TenantInfo) -> Subscription | None:
    """Return the running subscription of the plan of the whole space; a free one does not count."""
    return next(
        (
            row
            for row in running(tenant)
            if row.provider != "free"
            and row.items.filter(price__plan_version__plan__module="").exists()
        ),
        None,
    )


def unpaid_invoices(tenant: TenantInfo) -> Sequence[Invoice]:
    """Return the invoices that wait for money, the oldest due first."""
    return Invoice.objects.filter(
        tenant_id=tenant.pk, state=Invoice.State.OPEN, kind=Invoice.Kind.INVOICE
    ).order_by("due_on", "created_at")


def has_paid_plan(tenant: TenantInfo) -> bool:
    """Tell whether a plan of the whole space is paid for (an item of the first steps)."""
    return License.objects.filter(
        tenant_id=tenant.pk,
        module="",
        source__in=(License.Source.SUBSCRIPTION, License.Source.ONE_TIME, License.Source.MANUAL),
        state=License.State.ACTIVE,
        plan_version__prices__amount_minor__gt=0,
    ).exists()


def find_subscription(tenant: TenantInfo, pk: UUID) -> Subscription:
    """Return a subscription of this space. Raises ``NotFound``."""
    found = (
        Subscription.objects.select_related("account", "coupon")
        .filter(tenant_id=tenant.pk, pk=pk)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def find_order(tenant: TenantInfo, pk: UUID) -> Order:
    """Return an order of this space. Raises ``NotFound``."""
    found = Order.objects.select_related("account").filter(tenant_id=tenant.pk, pk=pk).first()
    if found is None:
        raise NotFound
    return found


def find_quote(tenant: TenantInfo, pk: UUID, kind: str) -> Quote:
    """Return a quote of this space. Raises ``NotFound``."""
    found = Quote.objects.filter(tenant_id=tenant.pk, pk=pk, kind=kind).first()
    if found is None:
        raise NotFound
    return found


def row_of(tenant: TenantInfo, subscription: Subscription) -> SubscriptionRow:
    """Return a subscription with what it will ask next."""
    agreed = quotes.agreed_of(subscription)
    waiting = tuple(
        subscription.changes.filter(state=SubscriptionChange.State.WAITING).order_by("effective_at")
    )
    ends = subscription.cancel_at_period_end or subscription.ended_at is not None
    upcoming = None if ends else _upcoming(tenant, subscription, agreed, waiting)
    return SubscriptionRow(
        subscription=subscription,
        items=tuple(_item(item) for item in agreed),
        next_at=None if ends else subscription.period_end,
        next_totals=upcoming,
        waiting=waiting,
        has_seats=bool(agreed) and _has_seats(agreed[0]),
    )


def _item(item: Agreed) -> ItemRow:
    from tremplin.billing import pricing

    return ItemRow(
        cards.plan_name(item.price.plan_version),
        item.seats,
        _has_seats(item),
        pricing.total(item.price, item.amount_minor, item.seats),
        item.price.plan_version.plan.module,
    )


def _has_seats(item: Agreed) -> bool:
    return item.price.model != item.price.Model.FLAT


def _upcoming(
    tenant: TenantInfo,
    subscription: Subscription,
    agreed: Sequence[Agreed],
    waiting: Sequence[SubscriptionChange],
) -> Totals:
    """Return the totals of the next period: the waiting change and the coupon counted."""
    last = next((item.body["items"] for item in reversed(waiting) if "items" in item.body), None)
    wanted = list(agreed) if last is None else quotes.agreed(last)
    coupon = coupons.in_force(
        subscription.coupon, subscription.coupon_until, subscription.period_end
    )
    found = quotes.charges(tenant, subscription.account, wanted, coupon)
    lines = quotes.lines_of(found, wanted, subscription.period_end, None)
    return totals([*lines, *overage.upcoming(tenant, subscription)])


# --- warnings -----------------------------------------------------------------------------------


def warnings(tenant: TenantInfo) -> list[Notice]:
    """Return what the administrators must know now: unpaid, suspended, ending, over the limit.

    One query; the console shows the gravest on every page.
    """
    found: list[Notice] = []
    rows = License.objects.filter(tenant_id=tenant.pk, ended_at=None).select_related("plan_version")
    for held in rows:
        at = snapshots.current_state(held)
        if at.state in {"past_due", "grace", "suspended"}:
            found.append(_late(held, at.state, at.changes_at))
        elif (
            at.state == "trialing"
            and held.valid_until is not None
            and held.valid_until - clock.now() <= TRIAL_NOTICE
        ):
            found.append(_trial_ends(held))
        if held.is_over_limit and at.state != "ended":
            found.append(_over_limit(held))
    order = {"destructive": 0, "warning": 1, "info": 2}
    return sorted(found, key=lambda item: order[item.variant])


def _late(held: License, state: str, until: datetime | None) -> Notice:
    date = date_format(localtime(until), "DATE_FORMAT") if until else ""
    what = _subject(held)
    if state == "past_due":
        text = _("A payment is late for %(what)s. Everything works until %(date)s.")
    elif state == "grace":
        text = _(
            "Last days to pay %(what)s: from %(date)s on, people can only read. "
            "No seat can be added meanwhile."
        )
    else:
        text = _("%(what)s is suspended: people can read and export, nothing can be changed.")
    return Notice(
        "warning" if state == "past_due" else "destructive",
        text % {"what": what, "date": date},
        reverse("billing:index"),
        _("See what to pay"),
        f"billing-{state.replace('_', '-')}",
    )


def _trial_ends(held: License) -> Notice:
    assert held.valid_until is not None  # noqa: S101  the caller looked
    return Notice(
        "info",
        _("The trial of %(what)s ends on %(date)s.")
        % {
            "what": _subject(held),
            "date": date_format(localtime(held.valid_until), "DATE_FORMAT"),
        },
        reverse("billing:plans"),
        _("Choose a plan"),
        "billing-trial-ends",
    )


def _over_limit(held: License) -> Notice:
    return Notice(
        "warning",
        _("%(used)s seats are used and %(total)s are paid: nobody new can join.")
        % {"used": held.seats_used, "total": held.seats_total},
        reverse("billing:index"),
        _("Change the seats"),
        "billing-over-limit",
    )


def _subject(held: License) -> str:
    if held.module:
        return cards.module_name(held.module)
    if held.plan_version is not None:
        return _("the plan %(name)s") % {"name": cards.plan_name(held.plan_version)}
    return _("your space")
