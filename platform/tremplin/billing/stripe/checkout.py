"""Stripe's payment page for an order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tenants import registry
from tremplin.billing import taxes
from tremplin.billing.errors import NotFound, NotSold
from tremplin.billing.models import Order, Price
from tremplin.billing.quotes import Agreed, agreed
from tremplin.billing.stripe import catalogue
from tremplin.billing.stripe.client import api


def open_page(order: Order, *, success_url: str, cancel_url: str, idempotency_key: str) -> str:
    """Return the address of the page. Raises ``NotSold`` for a mix of rhythms and one-time things."""
    items = agreed(order.body["items"])
    once = [item for item in items if item.price.interval == Price.Interval.ONCE]
    if once and len(once) < len(items):
        raise NotSold("mixed")
    body: dict[str, Any] = {
        "customer": catalogue.customer(order.account),
        "success_url": success_url,
        "cancel_url": cancel_url,
        "locale": "auto",
        "metadata": _marks(order),
    }
    body |= _once(order) if once else _recurring(order, items)
    page = api().checkout.sessions.create(
        body,  # type: ignore[arg-type]
        {"idempotency_key": f"checkout:{idempotency_key}"},
    )
    if page.url is None:
        raise NotFound
    return page.url


def _marks(order: Order) -> dict[str, str]:
    """Return the metadata: the order and the tenant; Checkout copies them to the customer."""
    tenant = registry.by_pk(order.tenant_id)
    if tenant is None:
        raise NotFound
    return {
        "djstripe_subscriber": str(tenant.pk),
        "tenant": str(tenant.uuid),
        "order": str(order.pk),
    }


def _recurring(order: Order, items: list[Agreed]) -> dict[str, Any]:
    rates = {taxes.rate_for(order.account, item.price.tax_code)[0] for item in items}
    if len(rates) > 1:
        raise NotSold("mixed_vat")
    rate: Decimal = rates.pop()
    data: dict[str, Any] = {"metadata": _marks(order)}
    if rate:
        data["default_tax_rates"] = [catalogue.tax_rate(rate)]
    if order.body["trial_days"]:
        data["trial_period_days"] = order.body["trial_days"]
    body: dict[str, Any] = {
        "mode": "subscription",
        "payment_method_collection": "always",
        "line_items": [
            {
                "price": catalogue.price(item.price, item.amount_minor),
                "quantity": quantity(item),
            }
            for item in items
        ],
        "subscription_data": data,
    }
    if order.coupon is not None:
        body["discounts"] = [{"coupon": catalogue.coupon(order.coupon)}]
    return body


def quantity(item: Agreed) -> int:
    """Return how many units Stripe counts: a flat price is one, whatever its seats."""
    return 1 if item.price.model == Price.Model.FLAT else item.seats


def _once(order: Order) -> dict[str, Any]:
    """Take the whole amount, VAT included: the invoice of a one-time purchase is ours."""
    names = [line["description"] for line in order.body["lines"]]
    return {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.currency.lower(),
                    "unit_amount": order.total_minor,
                    "tax_behavior": "inclusive",
                    "product_data": {"name": ", ".join(names)[:250]},
                },
            }
        ],
        "payment_intent_data": {"metadata": _marks(order)},
    }
