"""What each space of the world sells to its people, and a purchase of its learner."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from tests.isolation.world import World


def furnish_sales(world: World) -> None:
    """Open the shop, sell an entry, and pay one order of it by the simulated card."""
    from tests.core.billing.sales.conftest import open_shop, sell
    from tremplin.billing.sales import catalogue, sellers, services
    from tremplin.billing.sales.models import Document

    m = world.marker
    open_shop(legal_name=f"{m} seller", terms=f"{m} terms", email=f"{m}@sales.example")
    entry = sell(title=f"{m} service", summary=f"{m} summary")
    person = world.people["learner"]
    order = services.place(
        person.pk,
        catalogue.item_of(entry, sellers.get()),
        idempotency_key=uuid4(),
        buyer={"name": f"{m} buyer"},
    )
    services.submit_card(order, "4242424242424242")
    world.ids |= {
        "sales_entry": str(entry.pk),
        "sales_order": str(order.pk),
        "sales_document": str(Document.objects.get(order=order).pk),
    }
