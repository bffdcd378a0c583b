"""The operations under ``/api/v1/billing/``: keys, two spaces, who may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tenants.context import use
from tenants.registry import TenantInfo
from tests.core.billing.engine.conftest import card
from tremplin.billing.models import Order, Price
from tremplin.identity import services as people

Shop = Callable[..., Price]
pytestmark = pytest.mark.django_db
BASE = "/api/v1/billing"


@pytest.fixture
def sign_in(client_for: Callable[..., Any], settings: Any) -> Callable[..., Any]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

    def make(tenant: TenantInfo, role: str = "admin") -> Any:
        with use(tenant):
            person = people.create_person(
                email=f"{role}@{tenant.slug}.example", roles=[role], password="Tremplin-Test-2026"
            )
        return client_for(tenant, person)

    return make


def post(client: Any, path: str, body: dict[str, Any], key: Any = None) -> Any:
    headers = {"Idempotency-Key": str(key)} if key else {}
    return client.post(f"{BASE}{path}", body, content_type="application/json", headers=headers)


def test_a_purchase_needs_a_key_and_is_made_once(
    tenant_a: TenantInfo, tenant_b: TenantInfo, shop: Shop, sign_in: Callable[..., Any]
) -> None:
    shop("school", 39000, seats=100, extra=390)
    admin, elsewhere = sign_in(tenant_a), sign_in(tenant_b)
    body = {"lines": [{"plan": "school", "seats": 110}]}
    refused = post(admin, "/purchases", body)
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_required")
    assert post(admin, "/purchases", body, "not-a-uuid").status_code == 400
    key = uuid4()
    first, again = post(admin, "/purchases", body, key), post(admin, "/purchases", body, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert (first.json()["net_minor"], first.json()["next"]) == (42900, "redirect")
    other = post(admin, "/purchases", {"lines": [{"plan": "school", "seats": 111}]}, key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    # The key of one space says nothing to another, and its order is not found there.
    foreign = post(elsewhere, "/purchases", body, key)
    assert (foreign.status_code, foreign.json()["code"]) == (409, "idempotency_key_reused")
    assert elsewhere.get(f"{BASE}/purchases/{first.json()['id']}").status_code == 404
    assert admin.get(f"{BASE}/purchases/{first.json()['id']}").json()["state"] == "open"
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"lines": []}, 422, "empty"),
        ({"lines": [{"plan": "nothing"}]}, 422, "not_sold"),
        ({"lines": [{"plan": "school", "seats": 0}]}, 422, "bad_seats"),
        ({"lines": [{"plan": "school", "seats": -5}]}, 422, "bad_seats"),
        ({"lines": [{"plan": "school", "interval": "week"}]}, 422, "not_sold"),
        ({"lines": [{"plan": "school"}], "coupon": "NO"}, 422, "coupon_unknown"),
    ],
)
def test_bad_input_is_explained(
    tenant_a: TenantInfo, shop: Shop, sign_in: Callable[..., Any], body: Any, status: int, code: str
) -> None:
    shop("school", 39000, seats=100, extra=390)
    answer = post(sign_in(tenant_a), "/purchases", body, uuid4())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert Order.objects.count() == 0


def test_subscriptions_and_invoices_are_those_of_the_space(
    tenant_a: TenantInfo, tenant_b: TenantInfo, shop: Shop, sign_in: Callable[..., Any]
) -> None:
    price = shop("school", 39000, seats=100, extra=390)
    sub = card(tenant_a, price)
    admin, elsewhere = sign_in(tenant_a), sign_in(tenant_b)
    (found,) = admin.get(f"{BASE}/subscriptions").json()["items"]
    assert (found["id"], found["state"], found["items"]) == (
        str(sub.pk), "active",
        [{"plan": "school", "module": "", "seats": 100, "amount_minor": 39000}],
    )  # fmt: skip
    (invoice,) = admin.get(f"{BASE}/invoices").json()["items"]
    assert (invoice["total_minor"], invoice["state"]) == (46800, "paid")
    for path in ("/subscriptions", "/invoices"):
        assert elsewhere.get(f"{BASE}{path}").json() == {"items": []}
    for action in ("change", "cancel"):
        path = f"/subscriptions/{sub.pk}/{action}"
        assert post(elsewhere, path, {"seats": 120}, uuid4()).status_code == 404
    key = uuid4()
    for _ in range(2):
        changed = post(admin, f"/subscriptions/{sub.pk}/change", {"seats": 120}, key)
        assert (changed.status_code, changed.json()["items"][0]["seats"]) == (200, 120)
    assert sub.invoices.count() == 2
    ended = post(admin, f"/subscriptions/{sub.pk}/cancel", {}, uuid4())
    assert ended.json()["cancel_at_period_end"] is True


def test_usage_and_who_may_see_it(
    tenant_a: TenantInfo, shop: Shop, sign_in: Callable[..., Any], client_for: Callable[..., Any]
) -> None:
    card(tenant_a, shop("school", 39000, seats=100))
    admin, learner = sign_in(tenant_a), sign_in(tenant_a, "learner")
    meters = {item["feature"]: item for item in admin.get(f"{BASE}/usage").json()["items"]}
    assert meters["people.seats"]["limit"] == 100
    for path in ("usage", "invoices", "subscriptions"):
        assert learner.get(f"{BASE}/{path}").status_code == 403
        assert client_for(tenant_a).get(f"{BASE}/{path}").status_code == 401
    assert post(learner, "/purchases", {"lines": []}, uuid4()).status_code == 403
