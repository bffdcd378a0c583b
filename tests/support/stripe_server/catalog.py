"""Products, prices, coupons and tax rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.stripe_server.http import Request, route
from tests.support.stripe_server.store import (
    INCLUDABLE,
    Body,
    bad,
    listing,
    merge_metadata,
    sublist,
)
from tests.support.stripe_server.webhooks import emit

if TYPE_CHECKING:
    from tests.support.stripe_server.http import StripeServer


INCLUDABLE["price", "currency_options"] = lambda store, price: {}
INCLUDABLE["price", "tiers"] = lambda store, price: [
    {
        "up_to": tier["up_to"],
        "flat_amount": tier["flat"],
        "flat_amount_decimal": str(tier["flat"]),
        "unit_amount": tier["unit"],
        "unit_amount_decimal": str(tier["unit"]),
    }
    for tier in price["_tiers"]
]


def _update(server: StripeServer, request: Request, kind: str, event: str) -> Body:
    row = server.store.get(request.account, request.args[0], kind)
    params = dict(request.params)
    merge_metadata(row, params.pop("metadata", None))
    row |= params
    emit(server, request.account, event, row)
    return row


def _listed(server: StripeServer, request: Request, kind: str, *filters: str) -> Body:
    rows = server.store.find(request.account, kind)
    for name in filters:
        if name in request.params:
            rows = [row for row in rows if row[name] == request.params[name]]
    if request.params.get("lookup_keys"):
        rows = [row for row in rows if row["lookup_key"] in request.params["lookup_keys"]]
    return listing(rows, request.params, request.path)


def new_product(server: StripeServer, account: str, params: Body) -> Body:
    """Create a product."""
    made = server.store.put(
        account,
        {
            "id": params.get("id") or server.store.new_id("prod"),
            "object": "product",
            "active": params.get("active", True),
            "created": server.now(),
            "default_price": None,
            "description": params.get("description"),
            "images": [],
            "livemode": False,
            "marketing_features": [],
            "metadata": params.get("metadata") or {},
            "name": params["name"],
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": None,
            "tax_code": params.get("tax_code"),
            "type": "service",
            "unit_label": params.get("unit_label"),
            "updated": server.now(),
            "url": None,
        },
    )
    emit(server, account, "product.created", made)
    return made


@route("POST", "/v1/products", "product_create")
def create_product(server: StripeServer, request: Request) -> Body:
    if request.params.get("id") in server.store.rows.get(request.account, {}):
        raise bad("Product already exists.", "id", "resource_already_exists")
    return new_product(server, request.account, request.params)


@route("GET", "/v1/products", "product_list")
def list_products(server: StripeServer, request: Request) -> Body:
    return _listed(server, request, "product", "active")


@route("GET", "/v1/products/{id}", "product_retrieve")
def get_product(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "product")


@route("POST", "/v1/products/{id}", "product_update")
def update_product(server: StripeServer, request: Request) -> Body:
    return _update(server, request, "product", "product.updated")


@route("GET", "/v1/products/{id}/features", "product_feature_list")
def list_features(server: StripeServer, request: Request) -> Body:
    server.store.get(request.account, request.args[0], "product")
    return sublist([], request.path)


def new_price(server: StripeServer, account: str, params: Body) -> Body:
    """Create a price, of a product that exists or is described."""
    product = params.get("product")
    if isinstance(params.get("product_data"), dict):
        product = new_product(server, account, params["product_data"])["id"]
    server.store.get(account, product, "product", "product")
    key = params.get("lookup_key")
    for row in server.store.find(account, "price", lookup_key=key) if key else []:
        if not params.get("transfer_lookup_key"):
            raise bad("A price already uses this lookup key.", "lookup_key")
        row["lookup_key"] = None
    tiered = params.get("billing_scheme") == "tiered"
    if tiered and not params.get("tiers"):
        raise bad("You must pass tiers with billing_scheme=tiered.", "tiers")
    if not tiered and "unit_amount" not in params and "unit_amount_decimal" not in params:
        raise bad("You must pass a unit_amount.", "unit_amount")
    recurring = params.get("recurring")
    made = server.store.put(
        account,
        {
            "id": server.store.new_id("price"),
            "object": "price",
            "active": params.get("active", True),
            "billing_scheme": "tiered" if tiered else "per_unit",
            "created": server.now(),
            "currency": params["currency"].lower(),
            "custom_unit_amount": None,
            "livemode": False,
            "lookup_key": key,
            "metadata": params.get("metadata") or {},
            "nickname": params.get("nickname"),
            "product": product,
            "recurring": {
                "interval": recurring["interval"],
                "interval_count": recurring.get("interval_count", 1),
                "meter": recurring.get("meter"),
                "trial_period_days": None,
                "usage_type": recurring.get("usage_type", "licensed"),
            }
            if recurring
            else None,
            "tax_behavior": params.get("tax_behavior", "unspecified"),
            "tiers_mode": params.get("tiers_mode") if tiered else None,
            "transform_quantity": None,
            "type": "recurring" if recurring else "one_time",
            "unit_amount": None if tiered else int(params.get("unit_amount", 0)),
            "unit_amount_decimal": None if tiered else str(params.get("unit_amount", 0)),
            "_tiers": [
                {
                    "up_to": None if tier["up_to"] == "inf" else int(tier["up_to"]),
                    "unit": int(tier.get("unit_amount", 0)),
                    "flat": int(tier.get("flat_amount", 0)),
                }
                for tier in params.get("tiers", [])
            ],
        },
    )
    emit(server, account, "price.created", made)
    return made


def amount_of(price: Body, quantity: int) -> int:
    """Return what ``quantity`` units cost, in minor units."""
    if not price["_tiers"]:
        return int(price["unit_amount"]) * quantity
    if price["tiers_mode"] == "volume":
        for tier in price["_tiers"]:
            if tier["up_to"] is None or quantity <= tier["up_to"]:
                return int(tier["unit"] * quantity + tier["flat"])
    amount, start = 0, 0
    for tier in price["_tiers"]:
        if quantity > start:
            size = quantity - start
            if tier["up_to"] is not None:
                size = min(size, tier["up_to"] - start)
            amount += size * tier["unit"] + tier["flat"]
        start = tier["up_to"] or start
    return amount


@route("POST", "/v1/prices", "price_create")
def create_price(server: StripeServer, request: Request) -> Body:
    return new_price(server, request.account, request.params)


@route("GET", "/v1/prices", "price_list")
def list_prices(server: StripeServer, request: Request) -> Body:
    return _listed(server, request, "price", "active", "product", "currency", "type")


@route("GET", "/v1/prices/{id}", "price_retrieve")
def get_price(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "price")


@route("POST", "/v1/prices/{id}", "price_update")
def update_price(server: StripeServer, request: Request) -> Body:
    return _update(server, request, "price", "price.updated")


@route("POST", "/v1/coupons", "coupon_create")
def create_coupon(server: StripeServer, request: Request) -> Body:
    params = request.params
    if params.get("id") in server.store.rows.get(request.account, {}):
        raise bad("Coupon already exists.", "id", "resource_already_exists")
    if ("percent_off" in params) == ("amount_off" in params):
        raise bad("You must pass either percent_off or amount_off.", "percent_off")
    made = server.store.put(
        request.account,
        {
            "id": params.get("id") or server.store.new_id("coupon"),
            "object": "coupon",
            "amount_off": params.get("amount_off"),
            "applies_to": params.get("applies_to"),
            "created": server.now(),
            "currency": params.get("currency"),
            "duration": params.get("duration", "once"),
            "duration_in_months": params.get("duration_in_months"),
            "livemode": False,
            "max_redemptions": params.get("max_redemptions"),
            "metadata": params.get("metadata") or {},
            "name": params.get("name"),
            "percent_off": float(params["percent_off"]) if "percent_off" in params else None,
            "redeem_by": params.get("redeem_by"),
            "times_redeemed": 0,
            "valid": True,
        },
    )
    emit(server, request.account, "coupon.created", made)
    return made


@route("GET", "/v1/coupons/{id}", "coupon_retrieve")
def get_coupon(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "coupon")


@route("DELETE", "/v1/coupons/{id}", "coupon_delete")
def delete_coupon(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "coupon")
    server.store.drop(row)
    return {"id": row["id"], "object": "coupon", "deleted": True}


@route("POST", "/v1/tax_rates", "tax_rate_create")
def create_rate(server: StripeServer, request: Request) -> Body:
    params = request.params
    return server.store.put(
        request.account,
        {
            "id": server.store.new_id("txr"),
            "object": "tax_rate",
            "active": params.get("active", True),
            "country": params.get("country"),
            "created": server.now(),
            "description": params.get("description"),
            "display_name": params["display_name"],
            "effective_percentage": float(params["percentage"]),
            "flat_amount": None,
            "inclusive": params["inclusive"],
            "jurisdiction": params.get("jurisdiction"),
            "jurisdiction_level": None,
            "livemode": False,
            "metadata": params.get("metadata") or {},
            "percentage": float(params["percentage"]),
            "rate_type": "percentage",
            "state": None,
            "tax_type": params.get("tax_type"),
        },
    )


@route("GET", "/v1/tax_rates", "tax_rate_list")
def list_rates(server: StripeServer, request: Request) -> Body:
    return _listed(server, request, "tax_rate", "active", "inclusive")


@route("GET", "/v1/tax_rates/{id}", "tax_rate_retrieve")
def get_rate(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "tax_rate")
