"""Moving the holders of a version of a plan to another version, at a period that they were told.

A running period never changes: a subscription moves at the first renewal at or after the notice
date, and what it pays from then on is what the preview said. A licence without subscription moves
on the notice date. Whoever changed to something else meanwhile is left where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import override

from tenants import registry
from tenants.branding.mail import Action, Letter, compose
from tenants.context import use
from tremplin.api import Problem, services
from tremplin.billing import fulfilment, pricing, proration, quotes
from tremplin.billing.models import (
    BillingAccount,
    Price,
    Subscription,
    SubscriptionChange,
    SubscriptionItem,
    VersionMove,
)
from tremplin.billing.providers import get
from tremplin.kernel import audit, clock
from tremplin.licensing import services as licensing
from tremplin.licensing.models import License, PlanVersion

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

Deal = tuple[int | None, UUID]


@dataclass(frozen=True, slots=True)
class Holder:
    """What a move does to one holder: amounts of a whole period, before VAT and discounts.

    ``problem`` is a code when the holder stays where it is: ``no_price``, ``ends``, ``elsewhere``
    (its provider changes it), ``bought_once``, ``waiting`` (a move waits already).
    """

    license: License
    tenant: TenantInfo
    subscription: Subscription | None
    effective_at: datetime
    interval: str = ""
    currency: str = ""
    before_minor: int = 0
    after_minor: int = 0
    seats: int | None = None
    seats_after: int | None = None
    problem: str = ""

    @property
    def moves(self) -> bool:
        """Return whether the batch moves this holder."""
        return not self.problem

    @property
    def seats_missing(self) -> int:
        """Return how many people have a seat now and would be too many."""
        if self.seats_after is None or self.license.module:
            return 0
        return max(self.license.seats_used - self.seats_after, 0)


class NotSuccessor(Problem):
    """The target is the same version, of another plan, or not on sale (422)."""

    def __init__(self) -> None:
        super().__init__(
            422, "not_successor", _("Choose another version of the same plan that is on sale.")
        )


def preview(version: PlanVersion, target: PlanVersion, notice: datetime) -> list[Holder]:
    """Return what moving every holder of ``version`` does, by name of the space.

    The number of queries does not follow the number of holders. Raises ``NotSuccessor``.
    """
    _check(version, target)
    held = list(
        License.objects.filter(plan_version=version, ended_at=None)
        .exclude(state=License.State.ENDED)
        .order_by("created_at", "id")
    )
    keys = [row.subscription for row in held if row.subscription is not None]
    subscriptions = Subscription.objects.in_bulk(keys)
    items = {
        item.license: item
        for item in SubscriptionItem.objects.filter(license__in=[row.pk for row in held])
        .select_related("price")
        .order_by("created_at")
    }
    waiting = set(
        VersionMove.objects.filter(license__in=held, state=VersionMove.State.WAITING).values_list(
            "license_id", flat=True
        )
    )
    prices = list(target.prices.filter(is_active=True))
    seats = list(target.entitlements.filter(feature="people.seats").values_list("value", flat=True))
    offers: dict[Deal, pricing.Offer] = {}
    spaces = {space.pk: space for space in registry.all_tenants()}
    found = []
    for row in held:
        tenant = spaces.get(row.tenant_id)
        if tenant is None:
            continue
        subscription = subscriptions.get(row.subscription) if row.subscription else None
        holder = Holder(row, tenant, subscription, notice, seats=row.seats_total)
        if row.pk in waiting:
            holder = replace(holder, problem="waiting")
        elif subscription is None:
            once = row.source == License.Source.ONE_TIME
            holder = replace(
                holder,
                problem="bought_once" if once else "",
                seats_after=None if row.module else next(iter(seats), None),
            )
        else:
            item = items.get(row.pk)
            holder = _deal(holder, subscription, item, prices, offers)
        found.append(holder)
    return sorted(found, key=lambda holder: holder.tenant.name.lower())


def _check(version: PlanVersion, target: PlanVersion) -> None:
    now = clock.now()
    on_sale = (
        target.sold_from is not None
        and target.sold_from <= now
        and (target.sold_until is None or target.sold_until > now)
    )
    if version.pk == target.pk or version.plan_id != target.plan_id or not on_sale:
        raise NotSuccessor


def _deal(
    holder: Holder,
    row: Subscription,
    item: SubscriptionItem | None,
    prices: Sequence[Price],
    offers: dict[Deal, pricing.Offer],
) -> Holder:
    at = boundary(row, holder.effective_at)
    if item is None or "engine" not in get(row.provider).capabilities:
        return replace(holder, problem="elsewhere")
    before = pricing.total(item.price, item.amount_minor, item.quantity)
    holder = replace(
        holder,
        effective_at=at,
        interval=row.interval,
        currency=row.currency,
        before_minor=before,
        after_minor=before,
        seats_after=holder.seats,
    )
    if row.cancel_at_period_end and row.period_end <= at:
        return replace(holder, problem="ends")
    price = _price(prices, item.price)
    if price is None:
        return replace(holder, problem="no_price")
    deal = (holder.tenant.reseller_pk, price.pk)
    if deal not in offers:
        offers[deal] = pricing.offer(holder.tenant, price)
    seats = _seats(price, item.quantity)
    counts = price.model != Price.Model.FLAT or price.included_seats > 0
    return replace(
        holder,
        after_minor=pricing.total(price, offers[deal].amount_minor, seats),
        seats_after=seats if counts else None,
    )


def _price(prices: Iterable[Price], former: Price) -> Price | None:
    return next(
        (
            price
            for price in prices
            if (price.interval, price.currency) == (former.interval, former.currency)
        ),
        None,
    )


def _seats(price: Price, former: int) -> int:
    """Return the seats after a move: those that were paid, and at least those included."""
    included = pricing.included(price)
    return included if price.model == Price.Model.FLAT else max(former, included)


def boundary(row: Subscription, notice: datetime) -> datetime:
    """Return when the first period of ``row`` that begins at or after ``notice`` begins."""
    on_trial = row.trial_end is not None and row.period_end == row.trial_end
    index = -1 if on_trial else row.period_index
    end = row.period_end
    while end < notice:
        index += 1
        _start, end = proration.period(row.anchor_at, row.zone, row.interval, index)
    return end


@transaction.atomic
def schedule(version: PlanVersion, target: PlanVersion, notice: datetime) -> list[VersionMove]:
    """Plan the move of every holder whom the preview moves; their mailboxes are told by a job.

    Running it twice plans nothing twice. Raises ``NotSuccessor``.
    """
    moving = [holder for holder in preview(version, target, notice) if holder.moves]
    with services.tenancy().public_write("version moves"):
        return VersionMove.objects.bulk_create(
            VersionMove(
                license=holder.license,
                target=target,
                effective_at=holder.effective_at,
                created_at=clock.now(),
            )
            for holder in moving
        )


def cancel_waiting(version: PlanVersion) -> int:
    """Forget the moves away from ``version`` that still wait; return how many."""
    with transaction.atomic(), services.tenancy().public_write("version moves"):
        return VersionMove.objects.filter(
            license__plan_version=version, state=VersionMove.State.WAITING
        ).update(state=VersionMove.State.CANCELED)


def apply_due(tenant: TenantInfo, row: Subscription, at: datetime) -> int:
    """Move the items of a subscription whose date has come at its renewal; return how many.

    The caller holds the account's lock.
    """
    held = list(row.items.exclude(license=None).values_list("license", flat=True))
    due = list(
        VersionMove.objects.select_related("target__plan", "license").filter(
            license__in=held, state=VersionMove.State.WAITING, effective_at__lte=at
        )
    )
    return sum(_apply(tenant, row, move, at) for move in due)


def _apply(tenant: TenantInfo, row: Subscription, move: VersionMove, at: datetime) -> int:
    rows = list(row.items.select_related("price__plan_version__plan").order_by("created_at", "id"))
    wanted = quotes.agreed_of(row)
    for index, item in enumerate(rows):
        if item.license != move.license_id:
            continue
        price = _price(move.target.prices.filter(is_active=True), item.price)
        if price is None or item.price.plan_version_id != move.license.plan_version_id:
            continue
        offer = pricing.offer(tenant, price)
        seats = _seats(price, item.quantity)
        wanted[index] = quotes.Agreed(price, offer.amount_minor, offer.cost_minor, seats)
        fulfilment.set_items(tenant, row, wanted, License.Source.SUBSCRIPTION)
        with services.tenancy().public_write("version moves"):
            SubscriptionChange.objects.create(
                subscription=row,
                kind="version",
                body={"items": [agreed.as_json() for agreed in wanted]},
                effective_at=at,
                state=SubscriptionChange.State.APPLIED,
                applied_at=clock.now(),
            )
        _settle(tenant, move, VersionMove.State.APPLIED)
        return 1
    _settle(tenant, move, VersionMove.State.CANCELED)
    return 0


def _settle(tenant: TenantInfo, move: VersionMove, state: str) -> None:
    with services.tenancy().public_write("version moves"):
        move.state = state
        move.applied_at = clock.now() if state == VersionMove.State.APPLIED else None
        move.save(update_fields=["state", "applied_at"])
    with use(tenant):
        audit.record(
            "billing.version_moved" if move.applied_at else "billing.version_kept",
            target=f"licence:{move.license_id}",
            data={"version": str(move.target_id)},
        )


def run_due(at: datetime) -> int:
    """Move licences without subscription whose date has come, and tell who was not told yet."""
    rows = VersionMove.objects.select_related("license", "target__plan").filter(
        state=VersionMove.State.WAITING
    )
    moved = 0
    for move in rows.order_by("effective_at", "id"):
        tenant = registry.by_pk(move.license.tenant_id)
        if tenant is None:
            continue
        if move.noticed_at is None:
            _tell(tenant, move)
        if move.license.ended_at is not None:
            _settle(tenant, move, VersionMove.State.CANCELED)
        elif move.license.subscription is None and move.effective_at <= at:
            moved += _regrant(tenant, move)
    return moved


@transaction.atomic
def _regrant(tenant: TenantInfo, move: VersionMove) -> int:
    held = move.license
    if held.module:
        licensing.grant_module(
            tenant, held.module, version=move.target, source=held.source,
            valid_until=held.valid_until, seats_total=held.seats_total,
        )  # fmt: skip
    else:
        licensing.grant_plan(
            tenant, move.target, source=held.source, valid_until=held.valid_until,
            seats_open_until=held.seats_open_until,
        )  # fmt: skip
    _settle(tenant, move, VersionMove.State.APPLIED)
    return 1


def _tell(tenant: TenantInfo, move: VersionMove) -> None:
    with transaction.atomic(), services.tenancy().public_write("version moves"):
        told = VersionMove.objects.filter(pk=move.pk, noticed_at=None).update(
            noticed_at=clock.now()
        )
    account = BillingAccount.objects.filter(tenant_id=tenant.pk).first()
    to = (account.email if account is not None else "") or tenant.email
    if told and to:
        with use(tenant), override(tenant.locale):
            compose(to, letter(tenant, move)).send()


def letter(tenant: TenantInfo, move: VersionMove) -> Letter:
    """Return the notice in the active language."""
    plan = move.target.plan
    facts = {
        "plan": plan.name_fr if tenant.locale.startswith("fr") else plan.name_en,
        "date": formats.date_format(move.effective_at, "DATE_FORMAT"),
    }
    return Letter(
        _("Your plan %(plan)s changes on %(date)s") % facts,
        (
            _("From %(date)s on, your space has the new version of the plan %(plan)s.") % facts,
            _("Nothing changes before. Your plan, its price and other plans are on this page."),
        ),
        Action(_("See my plan"), services.tenancy().absolute_url(tenant, "/console/billing/")),
    )
