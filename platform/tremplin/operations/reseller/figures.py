"""What each client of a reseller brings: plan, seats, recurring revenue and margin. No people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from django.db.models import Case, When
from django.utils.translation import gettext as _

from tenants import registry
from tenants.models import Tenant
from tremplin.billing import pricing
from tremplin.billing.lines import half_up
from tremplin.billing.models import Subscription
from tremplin.billing.proration import MONTHS
from tremplin.licensing import notices, seats, snapshots
from tremplin.licensing.models import License

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

PAYING = (Subscription.State.ACTIVE, Subscription.State.PAST_DUE, Subscription.State.GRACE)
DEFAULT_CURRENCY = "EUR"
ONE_DIGIT = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class ClientFigures:
    """One client of a reseller: amounts are per month, before VAT, in minor units of ``currency``.

    ``seats_total`` None is unlimited; ``margin_percent`` is None without revenue. ``state`` is that
    of the plan's licence now, ``closed`` when the space itself is not open, ``none`` without plan.
    """

    tenant: TenantInfo
    plan_label: str
    seats_used: int
    seats_total: int | None
    mrr_minor: int
    margin_percent: Decimal | None
    margin_minor: int
    currency: str
    state: str

    @property
    def seats_percent(self) -> int | None:
        """Return how many of the seats are taken, in percent, None without a limit."""
        return None if not self.seats_total else self.seats_used * 100 // self.seats_total

    @property
    def state_label(self) -> str:
        """Return the state in the reader's language."""
        if self.state == "closed":
            return str(Tenant.Status(self.tenant.status).label)
        return _("No plan") if self.state == "none" else str(License.State(self.state).label)


@dataclass(frozen=True, slots=True)
class Sum:
    """Revenue and margin per month of several clients in one currency."""

    currency: str
    mrr_minor: int
    margin_minor: int
    margin_percent: Decimal | None


def percent(part_minor: int, whole_minor: int) -> Decimal | None:
    """Return a share with at most one digit (25, 33.3), None of nothing."""
    if not whole_minor:
        return None
    exact = Decimal(part_minor) * 100 / Decimal(whole_minor)
    rounded = exact.quantize(ONE_DIGIT, ROUND_HALF_UP)
    whole = rounded.to_integral_value()
    return whole if whole == rounded else rounded


def client_figures(reseller: TenantInfo) -> list[ClientFigures]:
    """Return the figures of every client of a reseller by name, in nine queries."""
    clients = registry.load(Tenant.objects.filter(reseller_id=reseller.pk).order_by("name", "pk"))
    keys = [client.pk for client in clients]
    licences = plan_licences(keys)
    subscriptions = _subscriptions(keys)
    return [
        _figures(client, licences.get(client.pk), subscriptions.get(client.pk, []))
        for client in clients
    ]


def sums(rows: Iterable[ClientFigures]) -> list[Sum]:
    """Return the totals of several clients, one per currency in alphabetical order."""
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        mrr, margin = found.get(row.currency, (0, 0))
        found[row.currency] = (mrr + row.mrr_minor, margin + row.margin_minor)
    return [
        Sum(currency, mrr, margin, percent(margin, mrr))
        for currency, (mrr, margin) in sorted(found.items())
    ]


def plan_licences(tenants: Sequence[int]) -> dict[int, License]:
    """Return the licence of the whole space of each tenant: the running one, else the last."""
    ended = Case(When(state=License.State.ENDED, then=1), default=0)
    rows = (
        License.objects.filter(tenant_id__in=tenants, module="")
        .select_related("plan_version__plan")
        .order_by(ended, "-created_at", "-id")
    )
    found: dict[int, License] = {}
    for row in rows:
        found.setdefault(row.tenant_id, row)
    return found


def _subscriptions(tenants: Sequence[int]) -> dict[int, list[Subscription]]:
    rows = (
        Subscription.objects.filter(tenant_id__in=tenants, ended_at=None, state__in=PAYING)
        .prefetch_related("items__price")
        .order_by("created_at", "id")
    )
    found: dict[int, list[Subscription]] = defaultdict(list)
    for row in rows:
        found[row.tenant_id].append(row)
    return found


def _figures(
    client: TenantInfo, held: License | None, subscriptions: Sequence[Subscription]
) -> ClientFigures:
    currency = subscriptions[0].currency if subscriptions else DEFAULT_CURRENCY
    mrr = margin = 0
    for row in subscriptions:
        if row.currency == currency:
            amount, earned = _monthly(row)
            mrr += amount
            margin += earned
    return ClientFigures(
        tenant=client,
        plan_label=notices.name_of(held) if held is not None else "",
        seats_used=held.seats_used if held is not None else 0,
        seats_total=seats.limit_of(held) if held is not None else None,
        mrr_minor=mrr,
        margin_percent=percent(margin, mrr),
        margin_minor=margin,
        currency=currency,
        state=_state(client, held),
    )


def _state(client: TenantInfo, held: License | None) -> str:
    if client.status != Tenant.Status.ACTIVE:
        return "closed"
    return "none" if held is None else snapshots.current_state(held).state


def _monthly(row: Subscription) -> tuple[int, int]:
    """Return what a subscription brings and what of it the reseller keeps, per month, half-up.

    What was sold before the client had a reseller has no cost, and brings the reseller nothing.
    """
    amount = margin = 0
    for item in row.items.all():
        total = pricing.total(item.price, item.amount_minor, item.quantity)
        cost = pricing.cost(item.price, item.cost_minor, item.quantity)
        amount += total
        margin += 0 if cost is None else total - cost
    months = MONTHS[row.interval]
    return half_up(Fraction(amount, months)), half_up(Fraction(margin, months))
