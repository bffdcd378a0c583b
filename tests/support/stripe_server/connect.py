"""The platform's account, connected accounts, fees and balance transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.stripe_server.http import PLATFORM, PageAnswer, Request, page, route
from tests.support.stripe_server.store import Body, listing, merge_metadata
from tests.support.stripe_server.webhooks import emit

if TYPE_CHECKING:
    from tests.support.stripe_server.http import StripeServer


def _account(key: str, created: int, **more: object) -> Body:
    return {
        "id": key,
        "object": "account",
        "business_profile": {"name": None, "url": None},
        "business_type": None,
        "capabilities": {},
        "charges_enabled": False,
        "country": "FR",
        "created": created,
        "default_currency": "eur",
        "details_submitted": False,
        "email": None,
        "external_accounts": {"object": "list", "data": [], "has_more": False, "url": ""},
        "metadata": {},
        "payouts_enabled": False,
        "requirements": {"currently_due": ["external_account"], "disabled_reason": None},
        "settings": {"branding": {}, "dashboard": {"display_name": None, "timezone": "Etc/UTC"}},
        "tos_acceptance": {},
        "type": "standard",
        **more,
    }


@route("GET", "/v1/account", "account_retrieve_current")
def own(server: StripeServer, request: Request) -> Body:
    if request.account:
        return server.store.get("", request.account, "account")
    found = server.store.rows[""].get(PLATFORM)
    if found is None:
        made = _account(PLATFORM, server.now(), charges_enabled=True, details_submitted=True)
        found = server.store.put("", made)
    return found


@route("POST", "/v1/accounts", "account_create")
def create(server: StripeServer, request: Request) -> Body:
    params = request.params
    key = server.store.new_id("acct")
    made = _account(
        key,
        server.now(),
        country=params.get("country", "FR"),
        email=params.get("email"),
        metadata=params.get("metadata") or {},
        type=params.get("type", "none"),
        controller=params.get("controller") or {},
        default_currency=params.get("default_currency", "eur"),
    )
    return server.store.put("", made)


@route("GET", "/v1/accounts", "account_list")
def list_accounts(server: StripeServer, request: Request) -> Body:
    rows = [row for row in server.store.find("", "account") if row["id"] != PLATFORM]
    return listing(rows, request.params, request.path)


@route("GET", "/v1/accounts/{id}", "account_retrieve")
def get(server: StripeServer, request: Request) -> Body:
    if request.args[0] == PLATFORM:
        return own(server, request)
    return server.store.get("", request.args[0], "account")


@route("POST", "/v1/accounts/{id}", "account_update")
def update(server: StripeServer, request: Request) -> Body:
    row = server.store.get("", request.args[0], "account")
    merge_metadata(row, request.params.get("metadata"))
    row["email"] = request.params.get("email", row["email"])
    emit(server, row["id"], "account.updated", row)
    return row


@route("POST", "/v1/account_links", "account_link_create")
def create_link(server: StripeServer, request: Request) -> Body:
    params = request.params
    row = server.store.get("", params["account"], "account", "account")
    row["_return_url"] = params.get("return_url", "")
    return {
        "object": "account_link",
        "created": server.now(),
        "expires_at": server.now() + 300,
        "url": f"{server.url}/onboarding/{row['id']}",
    }


@page("/onboarding/{id}")
def onboarding(server: StripeServer, method: str, key: str, form: Body) -> PageAnswer:
    row = server.store.get("", key, "account")
    if method == "GET":
        return PageAnswer(
            html="<!doctype html><title>Onboarding</title><form method=post>"
            "<button name=done value=1>Submit</button></form>"
        )
    row |= {
        "charges_enabled": True,
        "payouts_enabled": True,
        "details_submitted": True,
        "requirements": {"currently_due": [], "disabled_reason": None},
    }
    row["capabilities"] = {"card_payments": "active", "transfers": "active"}
    emit(server, row["id"], "account.updated", row)
    return PageAnswer(location=row["_return_url"])


def book(
    server: StripeServer, account: str, kind: str, source: str, amount: int, currency: str
) -> Body:
    """Record a movement of an account's balance; the service's own fee is left out."""
    return server.store.put(
        account,
        {
            "id": server.store.new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": server.now(),
            "balance_type": "payments",
            "created": server.now(),
            "currency": currency,
            "description": None,
            "exchange_rate": None,
            "fee": 0,
            "fee_details": [],
            "net": amount,
            "reporting_category": kind,
            "source": source,
            "status": "available",
            "type": kind,
        },
    )


@route("GET", "/v1/balance_transactions/{id}", "balance_transaction_retrieve")
def get_transaction(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "balance_transaction")


@route("GET", "/v1/balance_transactions", "balance_transaction_list")
def list_transactions(server: StripeServer, request: Request) -> Body:
    rows = server.store.find(request.account, "balance_transaction")
    return listing(rows, request.params, request.path)


def take_fee(server: StripeServer, charge: Body) -> None:
    """Take the platform's fee off a direct charge of a connected account."""
    fee, account = charge["application_fee_amount"], charge["_account"]
    if not fee or not account:
        return
    made = server.store.put(
        "",
        {
            "id": server.store.new_id("fee"),
            "object": "application_fee",
            "account": account,
            "amount": fee,
            "amount_refunded": 0,
            "application": "ca_platform",
            "balance_transaction": None,
            "charge": charge["id"],
            "created": charge["created"],
            "currency": charge["currency"],
            "livemode": False,
            "originating_transaction": None,
            "refunded": False,
        },
    )
    made["balance_transaction"] = book(
        server, "", "application_fee", made["id"], fee, charge["currency"]
    )["id"]
    charge["application_fee"] = made["id"]


def give_fee_back(server: StripeServer, charge: Body, amount: int) -> None:
    """Give back the part of the fee that a refund of ``amount`` carries."""
    if not charge["application_fee"]:
        return
    fee = server.store.get("", charge["application_fee"], "application_fee")
    part = min(
        (fee["amount"] * amount + charge["amount"] // 2) // charge["amount"],
        fee["amount"] - fee["amount_refunded"],
    )
    fee["amount_refunded"] += part
    fee["refunded"] = fee["amount_refunded"] == fee["amount"]


@route("GET", "/v1/application_fees", "application_fee_list")
def list_fees(server: StripeServer, request: Request) -> Body:
    rows = server.store.find("", "application_fee")
    if request.params.get("charge"):
        rows = [row for row in rows if row["charge"] == request.params["charge"]]
    return listing(rows, request.params, request.path)


@route("GET", "/v1/application_fees/{id}", "application_fee_retrieve")
def get_fee(server: StripeServer, request: Request) -> Body:
    return server.store.get("", request.args[0], "application_fee")
