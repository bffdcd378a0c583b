"""The standard prices of the plans that come with the platform, to open a fresh installation.

They are a start: the operator changes any of them, and nothing here touches a price that exists.
Amounts are in euro cents per month, before VAT; a year costs ten months.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

from tremplin.api import services
from tremplin.billing.models import Price
from tremplin.kernel import clock
from tremplin.licensing.models import PlanVersion

CURRENCY = "EUR"
MONTHS_PAID = {"month": 1, "year": 10}
PLAN_MONTH = {
    "gratuit": 0, "starter": 4900, "ecole": 39000, "pro": 19000, "expert": 29000,
    "entreprise": 89000,
}  # fmt: skip
# One seat above those included.
EXTRA_SEAT = {"starter": 250, "ecole": 390, "pro": 450, "expert": 450, "entreprise": 390}
MODULE_MONTH = {"quiz": 1900, "cv": 2900, "interview": 5900, "matching": 4900}
OTHER_MODULE_MONTH = 2900


@dataclass(frozen=True, slots=True)
class Proposal:
    """A price that is missing: what the standard list would make it."""

    version: PlanVersion
    interval: str
    amount_minor: int
    included_seats: int = 0
    extra_minor: int | None = None
    currency: str = CURRENCY


def missing() -> list[Proposal]:
    """Return the prices that versions on sale lack, by plan; three queries.

    A plan that is not in the list (made by the operator) is left to the operator.
    """
    now = clock.now()
    rows = (
        PlanVersion.objects.filter(sold_from__lte=now)
        .filter(Q(sold_until=None) | Q(sold_until__gt=now))
        .select_related("plan")
        .prefetch_related("entitlements", "prices")
        .order_by("plan__module", "plan__position", "plan__key")
    )
    return [
        proposal
        for version in rows
        for proposal in _proposals(version)
        if not _has(version, proposal.interval)
    ]


def _has(version: PlanVersion, interval: str) -> bool:
    return any(
        price.is_active and (price.interval, price.currency) == (interval, CURRENCY)
        for price in version.prices.all()
    )


def _proposals(version: PlanVersion) -> list[Proposal]:
    plan = version.plan
    if plan.module:
        month = MODULE_MONTH.get(plan.module, OTHER_MODULE_MONTH)
        seats, extra = 0, None
    elif plan.key in PLAN_MONTH:
        month, extra = PLAN_MONTH[plan.key], EXTRA_SEAT.get(plan.key)
        seats = next(
            (
                item.value
                for item in version.entitlements.all()
                if item.feature == "people.seats" and isinstance(item.value, int)
            ),
            0,
        )
    else:
        return []
    return [
        Proposal(
            version, interval, month * months, seats, None if extra is None else extra * months
        )
        for interval, months in MONTHS_PAID.items()
    ]


@transaction.atomic
def create_missing() -> list[Price]:
    """Create what ``missing`` returns; running it again creates nothing."""
    with services.tenancy().public_write("prices"):
        return [
            Price.objects.get_or_create(
                plan_version=item.version,
                currency=item.currency,
                interval=item.interval,
                is_active=True,
                defaults={
                    "model": Price.Model.FLAT if item.extra_minor is None else Price.Model.TIERED,
                    "amount_minor": item.amount_minor,
                    "included_seats": item.included_seats,
                    "tiers": []
                    if item.extra_minor is None
                    else [{"up_to": None, "unit_minor": item.extra_minor}],
                },
            )[0]
            for item in missing()
        ]
