"""The operations under ``/api/v1/billing/`` against hands that know no limit, and keys of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tenants.context import use
from tenants.registry import TenantInfo
from tests.core.billing.engine.conftest import card
from tests.core.billing.engine.test_api import BASE, Shop, post, sign_in
from tremplin.billing.models import Order, Subscription

__all__ = ["sign_in"]
pytestmark = pytest.mark.django_db
HUGE = 10**30


@pytest.mark.parametrize(
    "body",
    [
        {}, {"seats": None}, {"seats": 0}, {"seats": -1}, {"seats": HUGE}, {"seats": 2**31},
        {"seats": 1.5}, {"plan": "nothing"}, {"plan": "a\x00b"}, {"plan": "x" * 9000},
        {"plan": "school", "interval": "week"}, {"plan": "\ud800"}, {"seats": "1e9"},
        {"plan": "school", "interval": "once"}, {"plan": "school", "seats": HUGE}, [], "x",
    ],
)  # fmt: skip
def test_a_change_that_makes_no_sense_changes_nothing(
    tenant_a: TenantInfo, shop: Shop, sign_in: Callable[..., Any], body: Any
) -> None:
    sub = card(tenant_a, shop("school", 39000, seats=100, extra=390))
    answer = post(sign_in(tenant_a), f"/subscriptions/{sub.pk}/change", body, uuid4())
    assert answer.status_code in {400, 409, 422}, answer.content
    assert answer.json()["code"]
    assert list(sub.items.values_list("quantity", "amount_minor")) == [(100, 39000)]
    assert Subscription.objects.get(pk=sub.pk).changes.count() == 0


@pytest.mark.parametrize(
    "body",
    [
        {"lines": [{"plan": "school", "seats": HUGE}]},
        {"lines": [{"plan": "school", "seats": 2**31}]},
        {"lines": [{"plan": "school"}] * 500},
        {"lines": [{"plan": "school\x00"}]},
        {"lines": [{"plan": "school"}], "coupon": "\x00"},
        {"lines": [{"plan": "school"}], "coupon": "x" * 9000},
        {"lines": [{"plan": "school"}], "trial": "perhaps"},
        {"lines": "school"},
        {"lines": None},
    ],
)
def test_a_purchase_that_makes_no_sense_is_none(
    tenant_a: TenantInfo, shop: Shop, sign_in: Callable[..., Any], body: Any
) -> None:
    shop("school", 39000, seats=100, extra=390)
    answer = post(sign_in(tenant_a), "/purchases", body, uuid4())
    assert answer.status_code in {400, 422}, answer.content
    assert answer.json()["code"]
    assert Order.objects.count() == 0


def test_amounts_in_a_body_are_not_read(
    tenant_a: TenantInfo, shop: Shop, sign_in: Callable[..., Any]
) -> None:
    shop("school", 39000, seats=100, extra=390)
    line = {"plan": "school", "amount_minor": 1, "price": 1, "currency": "XOF", "cost_minor": 0}
    body = {"lines": [line], "total_minor": 1, "currency": "XOF", "provider": "free"}
    made = post(sign_in(tenant_a), "/purchases", body, uuid4()).json()
    assert (made["net_minor"], made["currency"], made["state"]) == (39000, "EUR", "open")
    assert Order.objects.get().provider == "sandbox"


def test_a_key_that_reads_buys_nothing_and_never_elsewhere(
    tenant_a: TenantInfo, tenant_b: TenantInfo, shop: Shop, client_for: Callable[..., Any]
) -> None:
    from tremplin.identity.api_access import keys
    from tremplin.identity.services import create_person
    from tremplin.licensing import services as licensing

    shop("school", 39000, seats=100, extra=390)
    for space in (tenant_a, tenant_b):
        licensing.add_grant(space, "api.access", True, source="goodwill", reason="A test")
    with use(tenant_a):
        admin = create_person(email="admin@keys.example", roles=["admin"])
        secrets = {
            scope: keys.create(name=scope, scopes=[f"billing:{scope}"], created_by=admin)[1]
            for scope in ("read", "write")
        }
    body = {"lines": [{"plan": "school"}]}
    found = {}
    for space in (tenant_a, tenant_b):
        for scope, secret in secrets.items():
            headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": str(uuid4())}
            client = client_for(space)
            read = client.get(f"{BASE}/invoices", headers=headers)
            bought = client.post(
                f"{BASE}/purchases", body, content_type="application/json", headers=headers
            )
            found[space.slug, scope] = (read.status_code, bought.status_code)
    assert found == {
        (tenant_a.slug, "read"): (200, 403),
        (tenant_a.slug, "write"): (403, 201),
        (tenant_b.slug, "read"): (401, 401),
        (tenant_b.slug, "write"): (401, 401),
    }
    order = Order.objects.get()
    assert (order.tenant_id, order.placed_by) == (tenant_a.pk, admin.pk)
