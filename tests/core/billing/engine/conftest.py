"""Plans with prices, two schools that buy them, and a clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from tenants.registry import TenantInfo
    from tremplin.billing.models import Order, Price, Subscription

SOLD_FROM = datetime.fromisoformat("2020-01-01T00:00:00+00:00")


def make_price(
    plan: str,
    amount: int,
    *,
    interval: str = "month",
    currency: str = "EUR",
    seats: int = 0,
    extra: int | None = None,
    module: str = "",
    model: str | None = None,
    **version_fields: Any,
) -> Price:
    """Create a price, with its plan and version when they do not exist yet."""
    from tenants.context import public_write
    from tremplin.billing.models import Price
    from tremplin.licensing.models import Plan, PlanEntitlement, PlanVersion

    with public_write("test"):
        found, is_new = Plan.objects.get_or_create(
            key=plan, defaults={"name_en": plan.title(), "name_fr": plan.title(), "module": module}
        )
        version, _ = PlanVersion.objects.get_or_create(
            plan=found, number=1, defaults={"sold_from": SOLD_FROM, **version_fields}
        )
        if is_new and seats:
            PlanEntitlement.objects.create(version=version, feature="people.seats", value=seats)
        return Price.objects.create(
            plan_version=version,
            currency=currency,
            interval=interval,
            amount_minor=amount,
            included_seats=seats,
            model=model or ("tiered" if extra is not None else "flat"),
            tiers=[] if extra is None else [{"up_to": None, "unit_minor": extra}],
        )


def identify(*tenants: TenantInfo) -> None:
    """Give hq and the tenants a legal identity, so that they can be invoiced."""
    from tenants import registry
    from tests.support import legal_identity

    hq = registry.hq()
    assert hq is not None
    for tenant in (hq, *tenants):
        legal_identity.give(tenant)


def purchase(
    tenant: TenantInfo, price: Price, *, provider: str = "invoice", **options: Any
) -> Order:
    """Quote and order one thing."""
    from tremplin.billing import services

    seats = options.pop("seats", None)
    made = services.quote(
        tenant, [services.Wanted(price.plan_version, price.interval, seats)], **options
    )
    return services.place_order(tenant, made, by=None, idempotency_key=uuid4(), provider=provider)


def card(
    tenant: TenantInfo, price: Price, number: str = "4242424242424242", **options: Any
) -> Subscription:
    """Buy with a test card and return the subscription."""
    from tremplin.billing.providers import sandbox

    order = purchase(tenant, price, provider="sandbox", **options)
    assert sandbox.submit_card(order, number) == "settled"
    order.refresh_from_db()
    assert order.subscription is not None
    return order.subscription


@pytest.fixture(autouse=True)
def _invented_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests sell modules that no distribution brings: the marketplace would refuse them."""
    from tremplin.billing import guards

    monkeypatch.setattr(guards, "_guards", [])


@pytest.fixture
def shop(hq: TenantInfo, tenant_a: TenantInfo, tenant_b: TenantInfo) -> Callable[..., Price]:
    """Return ``make_price``; both schools and the platform can be invoiced."""
    from tremplin.licensing import snapshots

    snapshots.forget()
    identify(tenant_a, tenant_b)
    return make_price
