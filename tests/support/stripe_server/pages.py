"""Hosted pages: checkout, card authentication and the customer portal. No external asset."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tests.support.stripe_server import billing, catalog, clock, invoices, payments
from tests.support.stripe_server.http import PageAnswer, Request, page, route
from tests.support.stripe_server.store import INCLUDABLE, ApiError, Body, bad, listing, sublist
from tests.support.stripe_server.webhooks import emit

if TYPE_CHECKING:
    from tests.support.stripe_server.http import StripeServer

TWO_WEEKS = 14 * 86_400

INCLUDABLE["checkout.session", "line_items"] = lambda store, session: sublist(
    session["_lines"], f"/v1/checkout/sessions/{session['id']}/line_items"
)


@route("POST", "/v1/checkout/sessions", "checkout.session_create")
def create(server: StripeServer, request: Request) -> Body:
    params, account = request.params, request.account
    mode = params.get("mode", "payment")
    if params.get("customer"):
        customer = server.store.get(account, params["customer"], "customer", "customer")
    else:
        customer = None
    lines = []
    for index, row in enumerate(params.get("line_items", [])):
        where = f"line_items[{index}]"
        if "price_data" in row:
            price = catalog.new_price(server, account, dict(row["price_data"]))
        else:
            price = server.store.get(account, row.get("price"), "price", f"{where}[price]")
        if (
            mode == "subscription"
            and all(
                server.store.get(account, item["price"])["recurring"] is None
                for item in params["line_items"]
                if "price" in item
            )
            and price["recurring"] is None
        ):
            raise bad("You must provide at least one recurring price.", where)
        if mode == "payment" and price["recurring"] is not None:
            raise bad("A recurring price needs mode=subscription.", where)
        quantity = row.get("quantity", 1)
        lines.append(
            {
                "id": server.store.new_id("li"),
                "object": "item",
                "amount_subtotal": catalog.amount_of(price, quantity),
                "currency": price["currency"],
                "description": server.store.get(account, price["product"])["name"],
                "discounts": [],
                "price": price,
                "quantity": quantity,
                "_rates": row.get("tax_rates") or [],
            }
        )
    if mode != "setup" and not lines:
        raise bad("You must specify line_items.", "line_items")
    key = f"cs_test_{server.store.new_id('x')[2:]}"
    now = clock.of(server, account, customer["test_clock"] if customer else None)
    made = {
        "id": key,
        "object": "checkout.session",
        "amount_subtotal": sum(line["amount_subtotal"] for line in lines),
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "status": None},
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": now,
        "currency": lines[0]["currency"] if lines else None,
        "customer": params.get("customer"),
        "customer_details": None,
        "customer_email": params.get("customer_email"),
        "expires_at": params.get("expires_at", now + 86_400),
        "invoice": None,
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": params.get("metadata") or {},
        "mode": mode,
        "payment_intent": None,
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "setup_intent": None,
        "status": "open",
        "subscription": None,
        "success_url": params.get("success_url"),
        "total_details": {
            "amount_discount": 0,
            "amount_shipping": 0,
            "amount_tax": 0,
            "breakdown": {"discounts": [], "taxes": []},
        },
        "ui_mode": "hosted_page",
        "url": f"{server.url}/checkout/{key}",
        "_lines": lines,
        "_params": params,
    }
    return server.store.put(account, made)


@route("GET", "/v1/checkout/sessions", "checkout.session_list")
def list_sessions(server: StripeServer, request: Request) -> Body:
    rows = server.store.find(request.account, "checkout.session")
    for name in ("customer", "subscription", "payment_intent", "status"):
        if request.params.get(name):
            rows = [row for row in rows if row[name] == request.params[name]]
    return listing(rows, request.params, request.path)


@route("GET", "/v1/checkout/sessions/{id}", "checkout.session_retrieve")
def get(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "checkout.session")


@route("GET", "/v1/checkout/sessions/{id}/line_items", "checkout.session_line_item_list")
def list_lines(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "checkout.session")
    return sublist(row["_lines"], request.path)


@route("POST", "/v1/checkout/sessions/{id}/expire", "checkout.session_expire")
def expire(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "checkout.session")
    if row["status"] != "open":
        raise bad("Only open Checkout Sessions can be expired.", "")
    row |= {"status": "expired", "url": None}
    emit(server, request.account, "checkout.session.expired", row)
    return row


def _find(server: StripeServer, kind: str, key: str) -> Body:
    for rows in server.store.rows.values():
        if key in rows and rows[key]["object"] == kind:
            return rows[key]
    raise ApiError(404, "invalid_request_error", f"No such page: {key}")


@page("/checkout/{id}")
def checkout(server: StripeServer, method: str, key: str, form: Body) -> PageAnswer:
    session = _find(server, "checkout.session", key)
    if session["status"] != "open":
        return PageAnswer(410, f"<p role=alert>This page is {session['status']}.</p>")
    if method == "GET":
        rows = "".join(
            f"<li>{line['quantity']} × {escape(line['description'])}: "
            f"{line['amount_subtotal'] / 100:.2f} {line['currency']}</li>"
            for line in session["_lines"]
        )
        return PageAnswer(
            html=f"<!doctype html><title>Checkout</title><ul>{rows}</ul><form method=post>"
            "<label>Card <input name=card value=4242424242424242></label>"
            "<button name=pay value=1>Pay</button></form>"
            f"<a href='{escape(session['cancel_url'] or '')}'>Back</a>"
        )
    return pay_session(server, session, str(form.get("card", "4242424242424242")))


def pay_session(
    server: StripeServer, session: Body, number: str, *, authenticated: bool = False
) -> PageAnswer:
    """Pay a checkout page with a card; a refusal keeps the page open."""
    held = server.store.snapshot()
    try:
        _complete(server, session, number, authenticated)
    except ApiError as error:
        if error.body.get("code") == "authentication_required":
            server.store.restore(held)
            return PageAnswer(location=f"{server.url}/authenticate/{session['id']}")
        server.store.restore(held)
        return PageAnswer(402, f"<p role=alert>{escape(str(error))}</p>")
    url = (session["success_url"] or "").replace("{CHECKOUT_SESSION_ID}", session["id"])
    return PageAnswer(location=url)


def _complete(server: StripeServer, session: Body, number: str, authenticated: bool) -> None:
    account, params = session["_account"], session["_params"]
    card = payments.new_method(server, account, number)
    if card["_number"] in payments.REFUSED_AT_ATTACH:
        raise payments.declined(card["_number"])
    if card["_number"] == payments.ASKS and not authenticated:
        raise ApiError(402, "card_error", "Authenticate.", code="authentication_required")
    card["_authenticated"] = authenticated
    if session["customer"] is None and (
        session["mode"] == "subscription" or params.get("customer_creation") == "always"
    ):
        from tests.support.stripe_server import customers

        made = customers.new_customer(server, account, {"email": params.get("customer_email")})
        session["customer"] = made["id"]
    if session["customer"]:
        customer = server.store.get(account, session["customer"], "customer")
        payments.attach(server, account, card["id"], customer)
    else:
        customer = None
    if session["mode"] == "subscription":
        assert customer is not None
        _subscribe(server, session, customer, card)
    elif session["mode"] == "payment":
        _pay_once(server, session, customer, card)
    session |= {"status": "complete", "url": None}
    session["customer_details"] = {
        "email": customer["email"] if customer else params.get("customer_email")
    }
    emit(server, account, "checkout.session.completed", session, at=_now(server, session, customer))


def _now(server: StripeServer, session: Body, customer: Body | None) -> int:
    return clock.of(server, session["_account"], customer["test_clock"] if customer else None)


def _subscribe(server: StripeServer, session: Body, customer: Body, card: Body) -> None:
    given = session["_params"].get("subscription_data") or {}
    sub = billing.create(
        server,
        session["_account"],
        {
            "customer": customer["id"],
            "items": [
                {"price": line["price"]["id"], "quantity": line["quantity"]}
                for line in session["_lines"]
                if line["price"]["recurring"]
            ],
            "default_payment_method": card["id"],
            "default_tax_rates": given.get("default_tax_rates") or [],
            "trial_period_days": given.get("trial_period_days"),
            "trial_end": given.get("trial_end"),
            "metadata": given.get("metadata") or {},
            "discounts": session["_params"].get("discounts") or [],
            "payment_behavior": "error_if_incomplete",
        },
    )
    invoice = server.store.get(session["_account"], sub["latest_invoice"])
    session |= {
        "subscription": sub["id"],
        "invoice": invoice["id"],
        "amount_total": invoice["total"],
        "payment_status": "paid" if invoice["total"] else "no_payment_required",
    }


def _pay_once(server: StripeServer, session: Body, customer: Body | None, card: Body) -> None:
    account, params = session["_account"], session["_params"]
    data, at = params.get("payment_intent_data") or {}, _now(server, session, customer)
    asked = params.get("invoice_creation") or {}
    if asked.get("enabled"):
        assert customer is not None
        rates = [rate for line in session["_lines"] for rate in line["_rates"]]
        lines = [
            invoices.new_line(
                server,
                price=line["price"],
                quantity=line["quantity"],
                amount=line["amount_subtotal"],
                start=at,
                end=at,
                description=line["description"],
            )
            for line in session["_lines"]
        ]
        invoice = invoices.draft(
            server,
            customer,
            lines,
            reason="manual",
            at=at,
            rates=sorted(set(rates)),
            currency=session["currency"],
            metadata=(asked.get("invoice_data") or {}).get("metadata"),
        )
        invoices.finalise(server, invoice, at=at)
        if invoices.pay(server, invoice, card, at=at, authenticated=True) != "paid":
            raise payments.declined(card["_number"])
        session |= {"invoice": invoice["id"], "amount_total": invoice["total"]}
    else:
        taxed = sum(_with_tax(server, account, line) for line in session["_lines"])
        intent = payments.new_intent(
            server,
            account,
            amount=taxed,
            currency=session["currency"],
            customer=session["customer"],
            metadata=data.get("metadata"),
            fee=data.get("application_fee_amount"),
            at=at,
        )
        payments.confirm(server, intent, card, authenticated=True, at=at)
        if intent["status"] != "succeeded":
            raise payments.declined(card["_number"])
        session |= {"payment_intent": intent["id"], "amount_total": taxed}
    session["payment_status"] = "paid"


def _with_tax(server: StripeServer, account: str, line: Body) -> int:
    from fractions import Fraction

    amount = int(line["amount_subtotal"])
    for key in line["_rates"]:
        rate = server.store.get(account, key, "tax_rate")
        share = Fraction(str(rate["percentage"])) / 100
        amount += invoices.half_up(line["amount_subtotal"] * share)
    return amount


@page("/authenticate/{id}")
def authenticate(server: StripeServer, method: str, key: str, form: Body) -> PageAnswer:
    if method == "GET":
        return PageAnswer(
            html="<!doctype html><title>Authentication</title><form method=post>"
            "<button name=ok value=1>Authorise</button><button name=ok value=0>Refuse</button></form>"
        )
    session = _find(server, "checkout.session", key)
    if form.get("ok") != "1":
        return PageAnswer(location=session["url"])
    number = next(number for token, number in payments.TOKENS.items() if token.endswith("Required"))
    return pay_session(server, session, number, authenticated=True)


# --- portal -------------------------------------------------------------------------------------


@route("POST", "/v1/billing_portal/configurations", "billing_portal.configuration_create")
def create_configuration(server: StripeServer, request: Request) -> Body:
    return server.store.put(
        request.account,
        {
            "id": server.store.new_id("bpc"),
            "object": "billing_portal.configuration",
            "active": True,
            "created": server.now(),
            "features": request.params["features"],
            "is_default": False,
            "livemode": False,
            "metadata": request.params.get("metadata") or {},
            "updated": server.now(),
        },
    )


@route("GET", "/v1/billing_portal/configurations", "billing_portal.configuration_list")
def list_configurations(server: StripeServer, request: Request) -> Body:
    rows = server.store.find(request.account, "billing_portal.configuration")
    if "active" in request.params:
        rows = [row for row in rows if row["active"] == request.params["active"]]
    return listing(rows, request.params, request.path)


@route("POST", "/v1/billing_portal/sessions", "billing_portal.session_create")
def create_portal(server: StripeServer, request: Request) -> Body:
    params = request.params
    server.store.get(request.account, params.get("customer"), "customer", "customer")
    key = server.store.new_id("bps")
    return server.store.put(
        request.account,
        {
            "id": key,
            "object": "billing_portal.session",
            "configuration": params.get("configuration") or "bpc_default",
            "created": server.now(),
            "customer": params["customer"],
            "livemode": False,
            "locale": params.get("locale"),
            "return_url": params.get("return_url"),
            "url": f"{server.url}/portal/{key}",
        },
    )


@page("/portal/{id}")
def portal(server: StripeServer, method: str, key: str, form: Body) -> PageAnswer:
    session = _find(server, "billing_portal.session", key)
    account = session["_account"]
    customer = server.store.get(account, session["customer"], "customer")
    subs = [
        row
        for row in server.store.find(account, "subscription", customer=customer["id"])
        if row["status"] in billing.LIVE
    ]
    if method == "GET":
        rows = "".join(f"<li>{row['id']} {row['status']}</li>" for row in subs)
        return PageAnswer(
            html=f"<!doctype html><title>Portal</title><ul>{rows}</ul><form method=post>"
            "<label>Card <input name=card></label><button>Save</button>"
            "<button name=cancel value=1>Cancel plan</button></form>"
        )
    if form.get("cancel"):
        for row in subs:
            billing.update(server, row, {"cancel_at_period_end": True})
    elif form.get("card"):
        change_card(server, customer, str(form["card"]))
    return PageAnswer(location=session["return_url"] or "")


def change_card(server: StripeServer, customer: Body, number: str) -> Body:
    """Make a new card the one that pays, as the portal does."""
    account = customer["_account"]
    card = payments.new_method(server, account, number)
    payments.attach(server, account, card["id"], customer)
    card["_authenticated"] = True
    customer["invoice_settings"]["default_payment_method"] = card["id"]
    for row in server.store.find(account, "subscription", customer=customer["id"]):
        row["default_payment_method"] = card["id"]
    emit(server, account, "customer.updated", customer)
    for row in server.store.find(account, "invoice", customer=customer["id"], status="open"):
        row["default_payment_method"] = None
    return card


__all__ = ["change_card", "listing", "pay_session"]
