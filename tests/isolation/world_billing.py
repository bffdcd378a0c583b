"""What each space of the world buys, owes and thinks: rows of the public schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from tests.isolation.world import World


def furnish_billing(world: World) -> None:
    """Buy a plan with everything by card, wait with an order, preview changes, rate a module.

    Plans are the catalogue that every space may read: their names tell nothing of a space.
    """
    from tests.core.billing.engine.conftest import card, identify, make_price
    from tremplin.billing import services
    from tremplin.billing.models import Invoice
    from tremplin.licensing import services as licensing
    from tremplin.marketplace import services as marketplace
    from tremplin.marketplace.models import Screenshot

    of = world.tenant.slug
    identify(world.tenant)
    price = make_price(f"plan-{of}", 10_000, seats=100, extra=100)
    _allow_everything(price.plan_version)
    module = make_price(f"module-{of}", 1_000, module=f"m_{of}"[:30])
    subscription = card(world.tenant, price)
    wanted = services.Wanted(module.plan_version, "month")
    change = services.preview_change(subscription, services.Change("seats", seats=120))
    held = licensing.grant_module(world.tenant, "quiz", source="manual")
    marketplace.sync()
    rating = marketplace.rate(
        world.tenant, "quiz", by=world.people["admin"].pk, stars=4, text="Useful"
    )  # what the others read, without a name
    quote, order = _waiting(world.tenant, wanted)
    world.ids |= {
        "plan_version": str(price.plan_version_id),
        "plan": str(price.plan_version.plan_id),
        "price": str(price.pk),
        "coupon": str(services.create_coupon(f"LESS-{of}".upper(), percent=10).pk),
        "subscription": str(subscription.pk),
        "invoice": str(Invoice.objects.get(subscription=subscription).pk),
        "billing_quote": str(quote.pk),
        "billing_change": str(change.pk),
        "order": str(order.pk),
        "licence": str(held.pk),
        "rating": str(rating.pk),
        "bucket": _use_up(world.tenant),
        "statement": _statement(world),
        "screenshot": str(Screenshot.objects.filter(listing_id="quiz")[0].pk),
    }


def _allow_everything(version: Any) -> None:
    """Put every switch of the core in a version, so that no page hides behind a plan."""
    from tenants.context import public_write
    from tremplin.licensing.features import CORE
    from tremplin.licensing.models import PlanEntitlement

    with public_write("tests"):
        for feature in CORE:
            if feature.kind == "switch":
                PlanEntitlement.objects.create(version=version, feature=feature.key, value=True)
        PlanEntitlement.objects.create(
            version=version, feature="ai.tokens", value=10, reset=PlanEntitlement.Reset.MONTH
        )


def _statement(world: World) -> str:
    """Keep a bank statement and a movement that paid; return the statement."""
    from tremplin.kernel import clock
    from tremplin.operations.models import BankEntry
    from tremplin.operations.payments.statements import services

    m, person = world.marker, world.people["admin"].pk
    sheet = f"Date;Amount;Currency;Label;Counterparty\n2026-11-19;1,00;EUR;{m};{m}\n"
    BankEntry.objects.create(
        key=m, invoices=[], amount_minor=100, currency="EUR", recorded_by=person,
        recorded_at=clock.now(),
    )  # fmt: skip
    return str(services.keep(sheet.encode(), f"{m}.csv", by=person).pk)


def _use_up(tenant: Any) -> str:
    """Use nine tokens of ten; return the counter, which is worth a notice."""
    from tremplin.licensing import consumption
    from tremplin.licensing.models import UsageBucket

    consumption.consume(tenant, "ai.tokens", 9, idem=uuid4())
    return str(UsageBucket.objects.get(tenant_id=tenant.pk, feature="ai.tokens").pk)


def _waiting(tenant: Any, wanted: Any) -> tuple[Any, Any]:
    """Return a quote and an order that waits for its card; the marketplace sells no such module."""
    from unittest import mock

    from tremplin.billing import guards, services

    with mock.patch.object(guards, "_guards", []):
        quote = services.quote(tenant, [wanted])
    order = services.place_order(
        tenant, quote, by=None, idempotency_key=uuid4(), provider="sandbox"
    )
    return quote, order
