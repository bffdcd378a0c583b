"""Purchases of learners with the simulated card: numbers, keys, erasure. No network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

    Inside = Callable[[TenantInfo], AbstractContextManager[None]]

ANN, BOB = uuid4(), uuid4()


def item(**fields: Any) -> Any:
    from tremplin.billing.sales.services import Item

    known: dict[str, Any] = {
        "module": "portfolio",
        "key": "cv",
        "title": "CV premium",
        "currency": "EUR",
        "total_minor": 1_500,
        "tax_rate": Decimal("20.00"),
    }
    return Item(**{**known, **fields})


def paid(person: Any, **fields: Any) -> Any:
    from tremplin.billing.sales import services

    order = services.place(person, item(**fields), idempotency_key=uuid4())
    assert services.submit_card(order, "4242 4242 4242 4242") == "settled"
    order.refresh_from_db()
    return order


def test_each_school_numbers_its_own_invoices(
    tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside, freeze: Any
) -> None:
    freeze("2026-11-21T10:00:00+00:00")
    with inside(tenant_a):
        assert [paid(ANN, key=str(n)).invoice_number for n in (1, 2)] == [
            "V-2026-000001",
            "V-2026-000002",
        ]
    with inside(tenant_b):
        assert paid(BOB).invoice_number == "V-2026-000001"


def test_a_refused_card_uses_no_number(tenant_a: TenantInfo, inside: Inside, freeze: Any) -> None:
    from tremplin.billing.sales import services
    from tremplin.billing.sales.models import Payment

    freeze("2026-11-21T10:00:00+00:00")
    with inside(tenant_a):
        order = services.place(ANN, item(), idempotency_key=uuid4())
        assert services.submit_card(order, "4000000000000002") == "refused"
        order.refresh_from_db()
        assert (order.state, order.failure, order.invoice_number) == ("open", "card_declined", "")
        assert services.submit_card(order, "4242424242424242") == "settled"
        order.refresh_from_db()
        assert (order.state, order.failure) == ("paid", "")
        assert order.invoice_number == "V-2026-000001"
        assert list(Payment.objects.order_by("at", "state").values_list("state", flat=True)) == [
            "failed",
            "settled",
        ]


def test_two_clicks_are_one_order_and_one_payment(tenant_a: TenantInfo, inside: Inside) -> None:
    from tremplin.billing.sales import services
    from tremplin.billing.sales.errors import KeyUsed, UnknownCard
    from tremplin.billing.sales.models import Order, Payment

    with inside(tenant_a):
        key = uuid4()
        one = services.place(ANN, item(), idempotency_key=key)
        assert services.place(ANN, item(), idempotency_key=key).pk == one.pk
        assert services.place(ANN, item(), idempotency_key=uuid4()).pk == one.pk
        with pytest.raises(KeyUsed):
            services.place(BOB, item(), idempotency_key=key)
        with pytest.raises(UnknownCard):
            services.submit_card(one, "4111111111111111")
        assert [services.submit_card(one, "4242424242424242") for _ in range(2)] == ["settled"] * 2
        assert (Order.objects.count(), Payment.objects.count()) == (1, 1)


@pytest.mark.parametrize("amount", [0, -1])
def test_a_price_is_above_zero(tenant_a: TenantInfo, inside: Inside, amount: int) -> None:
    from tremplin.billing.sales import services
    from tremplin.billing.sales.errors import BadItem

    with inside(tenant_a), pytest.raises(BadItem):
        services.place(ANN, item(total_minor=amount), idempotency_key=uuid4())


def test_a_currency_without_cents(tenant_a: TenantInfo, inside: Inside) -> None:
    with inside(tenant_a):
        order = paid(ANN, currency="XOF", total_minor=2_954, tax_rate=Decimal("18.00"))
        assert (order.net_minor, order.tax_minor, order.total_minor) == (2_503, 451, 2_954)


def test_export_and_erasure(tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside) -> None:
    from tremplin.billing.sales import services
    from tremplin.billing.sales.models import Order
    from tremplin.billing.sales.privacy import SalesPersonalData

    keeper = SalesPersonalData()
    with inside(tenant_a):
        order = paid(ANN)
        services.place(ANN, item(key="other"), idempotency_key=uuid4())
        paid(BOB)
        [file] = keeper.export(None, ANN)  # type: ignore[arg-type]
        assert file.name == "sales/orders.json"
        assert [row["total_minor"] for row in file.data] == [1_500, 1_500]
        assert [keeper.erase(None, ANN) for _ in range(2)] == [2, 0]  # type: ignore[arg-type]
        order.refresh_from_db()
        assert (order.person, order.state) == (None, "paid")
        assert Order.objects.filter(person=BOB).count() == 1
        assert list(keeper.export(None, ANN)) == []  # type: ignore[arg-type]
    with inside(tenant_b):
        assert Order.objects.count() == 0
