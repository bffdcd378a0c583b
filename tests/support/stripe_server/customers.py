"""Customers, their tax numbers and the account itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.stripe_server.http import Request, route
from tests.support.stripe_server.store import (
    INCLUDABLE,
    Body,
    Store,
    bad,
    listing,
    merge_metadata,
    sublist,
)
from tests.support.stripe_server.webhooks import emit

if TYPE_CHECKING:
    from tests.support.stripe_server.http import StripeServer

TAX_ID_FORMATS = {"eu_vat": r"[A-Z]{2}[A-Z0-9]{2,12}"}


def _subscriptions(store: Store, customer: Body) -> Body:
    rows = store.find(customer["_account"], "subscription", customer=customer["id"])
    return sublist(rows, f"/v1/customers/{customer['id']}/subscriptions")


INCLUDABLE["customer", "subscriptions"] = _subscriptions
INCLUDABLE["customer", "sources"] = lambda store, customer: sublist(
    [], f"/v1/customers/{customer['id']}/sources"
)
INCLUDABLE["customer", "tax_ids"] = lambda store, customer: sublist(
    store.find(customer["_account"], "tax_id", customer=customer["id"]),
    f"/v1/customers/{customer['id']}/tax_ids",
)


def new_customer(server: StripeServer, account: str, params: Body) -> Body:
    """Create a customer from typed parameters."""
    from tests.support.stripe_server import clock

    made = {
        "id": server.store.new_id("cus"),
        "object": "customer",
        "address": params.get("address") or None,
        "balance": params.get("balance", 0),
        "created": clock.of(server, account, params.get("test_clock")),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": params.get("description"),
        "discount": None,
        "email": params.get("email"),
        "invoice_prefix": f"INV{len(server.store.find(account, 'customer')) + 1:05d}",
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": (params.get("invoice_settings") or {}).get(
                "default_payment_method"
            ),
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": params.get("metadata") or {},
        "name": params.get("name"),
        "next_invoice_sequence": 1,
        "phone": params.get("phone"),
        "preferred_locales": params.get("preferred_locales") or [],
        "shipping": None,
        "tax_exempt": params.get("tax_exempt") or "none",
        "test_clock": params.get("test_clock"),
    }
    server.store.put(account, made)
    if params.get("payment_method"):
        from tests.support.stripe_server import payments

        payments.attach(server, account, params["payment_method"], made)
    for row in params.get("tax_id_data", []):
        new_tax_id(server, account, made, row)
    emit(server, account, "customer.created", made)
    return made


@route("POST", "/v1/customers", "customer_create")
def create(server: StripeServer, request: Request) -> Body:
    return new_customer(server, request.account, request.params)


@route("GET", "/v1/customers", "customer_list")
def list_customers(server: StripeServer, request: Request) -> Body:
    rows = server.store.find(request.account, "customer")
    for name in ("email", "test_clock"):
        if request.params.get(name):
            rows = [row for row in rows if row[name] == request.params[name]]
    return listing(rows, request.params, request.path)


@route("GET", "/v1/customers/{id}", "customer_retrieve")
def get(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "customer")


@route("POST", "/v1/customers/{id}", "customer_update")
def update(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "customer")
    params = dict(request.params)
    merge_metadata(row, params.pop("metadata", None))
    chosen = params.pop("invoice_settings", None) or {}
    if "default_payment_method" in chosen:
        method = chosen["default_payment_method"] or None
        if method:
            found = server.store.get(request.account, method, "payment_method")
            if found["customer"] != row["id"]:
                raise bad(
                    "The payment method must be attached to the customer.", "invoice_settings"
                )
        row["invoice_settings"]["default_payment_method"] = method
    for name, value in params.items():
        row[name] = value if value != "" else None
    emit(server, request.account, "customer.updated", row)
    return row


@route("DELETE", "/v1/customers/{id}", "customer_delete")
def delete(server: StripeServer, request: Request) -> Body:
    from tests.support.stripe_server import billing

    row = server.store.get(request.account, request.args[0], "customer")
    for found in server.store.find(request.account, "subscription", customer=row["id"]):
        if found["status"] != "canceled":
            billing.end_now(server, found, "cancellation_requested")
    server.store.drop(row)
    emit(server, request.account, "customer.deleted", row)
    return {"id": row["id"], "object": "customer", "deleted": True}


def new_tax_id(server: StripeServer, account: str, customer: Body, params: Body) -> Body:
    """Add a tax number to a customer; a wrong format is refused as the service does."""
    import re

    pattern = TAX_ID_FORMATS.get(params["type"])
    if pattern and not re.fullmatch(pattern, params["value"]):
        raise bad("Invalid value for eu_vat.", "value", "tax_id_invalid")
    made = server.store.put(
        account,
        {
            "id": server.store.new_id("txi"),
            "object": "tax_id",
            "country": params["value"][:2],
            "created": server.now(),
            "customer": customer["id"],
            "livemode": False,
            "owner": {"type": "customer", "customer": customer["id"]},
            "type": params["type"],
            "value": params["value"],
            "verification": {"status": "pending", "verified_address": None, "verified_name": None},
        },
    )
    emit(server, account, "customer.tax_id.created", made)
    return made


@route("POST", "/v1/customers/{id}/tax_ids", "customer_tax_id_create")
def create_tax_id(server: StripeServer, request: Request) -> Body:
    customer = server.store.get(request.account, request.args[0], "customer")
    return new_tax_id(server, request.account, customer, request.params)


@route("GET", "/v1/customers/{id}/tax_ids", "customer_tax_id_list")
def list_tax_ids(server: StripeServer, request: Request) -> Body:
    rows = server.store.find(request.account, "tax_id", customer=request.args[0])
    return listing(rows, request.params, request.path)


@route("DELETE", "/v1/customers/{id}/tax_ids/{tax}", "customer_tax_id_delete")
def delete_tax_id(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[1], "tax_id")
    server.store.drop(row)
    emit(server, request.account, "customer.tax_id.deleted", row)
    return {"id": row["id"], "object": "tax_id", "deleted": True}
