"""The cards that Stripe keeps are on our page: added, chosen, replaced and removed, never a number."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.core.billing.stripe.test_webhooks import endpoint, last_event, send, signature
from tests.support.stripe_world import World
from tremplin.billing.models import PaymentMethod
from tremplin.billing.stripe import methods

Row = tuple[str, str, str, bool]


def rows(tenant: Any) -> list[Row]:
    found = PaymentMethod.objects.filter(account__tenant_id=tenant.pk).order_by("created_at")
    return [(row.label, row.last4, row.expires, row.is_default) for row in found]


def customer(world: World, tenant: Any) -> str:
    from tremplin.billing import services

    return str(services.account_of(tenant).provider_refs["stripe:test:customer"])


def add(world: World, key: str, *, default: bool = False) -> str:
    made = world.api.payment_methods.create(
        {"type": "card", "card": {"number": "5555555555554444"}}
    )
    world.api.payment_methods.attach(made.id, {"customer": key})
    if default:
        world.api.customers.update(key, {"invoice_settings": {"default_payment_method": made.id}})
    world.settle()
    return str(made.id)


def test_the_card_of_a_purchase_is_kept_and_another_replaces_it(world: World) -> None:
    world.subscribe(world.tenant, world.plan("pro", 19_000))
    (first,) = rows(world.tenant)
    assert (first[0], first[1], first[3]) == ("Visa •••• 4242", "4242", True)
    assert rows(world.other) == []
    key = customer(world, world.tenant)
    second = add(world, key, default=True)
    assert [(row[1], row[3]) for row in rows(world.tenant)] == [("4242", False), ("4444", True)]
    world.api.payment_methods.detach(second)
    world.settle()
    assert [(row[1], row[3]) for row in rows(world.tenant)] == [("4242", True)]
    text = json.dumps(list(PaymentMethod.objects.values_list("label", "provider_ref", "expires")))
    assert "4242424242424242" not in text


def test_events_twice_and_in_any_order_say_what_is_true_now(world: World) -> None:
    world.subscribe(world.tenant, world.plan("pro", 19_000))
    key = customer(world, world.tenant)
    attached = add(world, key)
    early = last_event(world, "payment_method.attached")
    world.api.payment_methods.detach(attached)
    world.settle()
    early["id"] = "evt_late"
    body = json.dumps(early).encode()
    header = signature(body, endpoint().secret, int(time.time()))
    for _time in range(2):
        assert send(world, body, header) == 200
    world.work()
    assert [row[1] for row in rows(world.tenant)] == ["4242"]


def test_a_card_of_nobody_of_ours_changes_nothing(world: World) -> None:
    made = world.api.customers.create({"test_clock": world.clock})
    add(world, made.id)
    assert PaymentMethod.objects.count() == 0
    assert methods.sync(_without_customer(world)) == 0


def _without_customer(world: World) -> Any:
    from tenants import registry
    from tremplin.billing import services

    found = registry.by_slug("volteo")
    assert found is not None
    return services.account_of(found)


def test_the_page_shows_it(world: World, client_for: Any) -> None:
    from tenants.context import use
    from tremplin.identity.services import create_person

    world.subscribe(world.tenant, world.plan("pro", 19_000))
    with use(world.tenant):
        admin = create_person(email="nadia@x.example", roles=["admin"], locale="en")
    page = client_for(world.tenant, admin).get("/console/billing/methods/").content.decode()
    assert "Visa •••• 4242" in page
