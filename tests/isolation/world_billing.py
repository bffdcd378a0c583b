"""What each space of the world buys, owes and thinks: rows of the public schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from tests.isolation.world import World


def furnish_billing(world: World) -> None:
    """Buy a plan by card, wait with an order, preview changes, rate a module."""
    from tests.core.billing.engine.conftest import card, identify, make_price
    from tremplin.billing import services
    from tremplin.billing.models import Invoice
    from tremplin.licensing import services as licensing
    from tremplin.marketplace import services as marketplace
    from tremplin.marketplace.models import Screenshot

    m = world.marker
    identify(world.tenant)
    price = make_price(f"plan-{m}", 10_000, seats=100, extra=100)
    module = make_price(f"module-{m}", 1_000, module=f"m{m}"[:30])
    subscription = card(world.tenant, price)
    wanted = services.Wanted(module.plan_version, "month")
    change = services.preview_change(subscription, services.Change("seats", seats=120))
    licensing.grant_module(world.tenant, "quiz", source="manual")
    marketplace.sync()
    rating = marketplace.rate(
        world.tenant, "quiz", by=world.people["admin"].pk, stars=4, text="Useful"
    )
    quote, order = _waiting(world.tenant, wanted)
    world.ids |= {
        "plan_version": str(price.plan_version_id),
        "price": str(price.pk),
        "subscription": str(subscription.pk),
        "invoice": str(Invoice.objects.get(subscription=subscription).pk),
        "billing_quote": str(quote.pk),
        "billing_change": str(change.pk),
        "order": str(order.pk),
        "rating": str(rating.pk),
        "screenshot": str(Screenshot.objects.filter(listing_id="quiz")[0].pk),
    }


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
