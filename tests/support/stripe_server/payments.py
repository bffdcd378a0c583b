"""Cards, payment intents, charges, refunds and disputes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.support.stripe_server.http import Request, route
from tests.support.stripe_server.store import ApiError, Body, bad, listing, merge_metadata
from tests.support.stripe_server.webhooks import emit

if TYPE_CHECKING:
    from tests.support.stripe_server.http import StripeServer

TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_authenticationRequired": "4000002500003155",
    "pm_card_createDispute": "4000000000000259",
}
DECLINES = {
    "4000000000000002": ("card_declined", "generic_decline"),
    "4000000000009995": ("card_declined", "insufficient_funds"),
    "4000000000000341": ("card_declined", "generic_decline"),
}
REFUSED_AT_ATTACH = frozenset({"4000000000000002", "4000000000009995"})
ASKS = "4000002500003155"
DISPUTED = "4000000000000259"


def new_method(server: StripeServer, account: str, number: str) -> Body:
    """Create a card; its number is kept by the stand-in alone, to know how it behaves."""
    number = re.sub(r"\D", "", number)
    if number not in {*TOKENS.values()}:
        raise ApiError(
            402, "card_error", "Your card number is incorrect.", code="incorrect_number",
            param="number",
        )  # fmt: skip
    return server.store.put(
        account,
        {
            "id": server.store.new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": {"address": None, "email": None, "name": None, "phone": None},
            "card": {
                "brand": "mastercard" if number.startswith("5") else "visa",
                "checks": {},
                "country": "FR",
                "exp_month": 12,
                "exp_year": 2034,
                "fingerprint": f"fp{number[-8:]}",
                "funding": "credit",
                "last4": number[-4:],
                "networks": {"available": ["visa"], "preferred": None},
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            "created": server.now(),
            "customer": None,
            "livemode": False,
            "metadata": {},
            "type": "card",
            "_number": number,
        },
    )


def method_of(server: StripeServer, account: str, given: str) -> Body:
    """Return a payment method, made anew for the shared test names (``pm_card_visa``)."""
    if given in TOKENS:
        return new_method(server, account, TOKENS[given])
    return server.store.get(account, given, "payment_method", "payment_method")


def attach(server: StripeServer, account: str, given: str, customer: Body) -> Body:
    """Attach a card to a customer; some cards are refused here."""
    found = method_of(server, account, given)
    if found["_number"] in REFUSED_AT_ATTACH:
        raise declined(found["_number"])
    found["customer"] = customer["id"]
    emit(server, account, "payment_method.attached", found)
    return found


def declined(number: str, **more: Any) -> ApiError:
    """Return the refusal of a card."""
    code, reason = DECLINES[number]
    return ApiError(
        402, "card_error", "Your card was declined.", code=code, decline_code=reason, **more
    )


@route("POST", "/v1/payment_methods", "payment_method_create")
def create_method(server: StripeServer, request: Request) -> Body:
    card = request.params.get("card") or {}
    if request.params.get("type") != "card" or "number" not in card:
        raise bad("The stand-in makes cards only: pass type=card and card[number].", "type")
    return new_method(server, request.account, card["number"])


@route("GET", "/v1/payment_methods", "payment_method_list")
def list_methods(server: StripeServer, request: Request) -> Body:
    rows = server.store.find(
        request.account, "payment_method", customer=request.params.get("customer")
    )
    return listing(rows, request.params, request.path)


@route("GET", "/v1/payment_methods/{id}", "payment_method_retrieve")
def get_method(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "payment_method")


@route("POST", "/v1/payment_methods/{id}/attach", "payment_method_attach")
def attach_method(server: StripeServer, request: Request) -> Body:
    customer = server.store.get(request.account, request.params["customer"], "customer", "customer")
    return attach(server, request.account, request.args[0], customer)


@route("POST", "/v1/payment_methods/{id}/detach", "payment_method_detach")
def detach_method(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "payment_method")
    for customer in server.store.find(request.account, "customer", id=row["customer"]):
        if customer["invoice_settings"]["default_payment_method"] == row["id"]:
            customer["invoice_settings"]["default_payment_method"] = None
    row["customer"] = None
    emit(server, request.account, "payment_method.detached", row)
    return row


# --- intents and charges ------------------------------------------------------------------------


def new_intent(
    server: StripeServer,
    account: str,
    *,
    amount: int,
    currency: str,
    customer: str | None = None,
    metadata: Body | None = None,
    fee: int | None = None,
    at: int = 0,
    description: str | None = None,
) -> Body:
    """Create a payment intent that waits for a card."""
    if amount < 1:
        raise bad("This value must be greater than or equal to 1.", "amount")
    key = server.store.new_id("pi")
    made = server.store.put(
        account,
        {
            "id": key,
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "application": None,
            "application_fee_amount": fee,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic",
            "client_secret": f"{key}_secret",
            "confirmation_method": "automatic",
            "created": at or server.now(),
            "currency": currency,
            "customer": customer,
            "description": description,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": metadata or {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_types": ["card"],
            "receipt_email": None,
            "setup_future_usage": None,
            "shipping": None,
            "status": "requires_payment_method",
            "transfer_data": None,
        },
    )
    emit(server, account, "payment_intent.created", made)
    return made


def confirm(
    server: StripeServer, intent: Body, method: Body, *, authenticated: bool = False, at: int = 0
) -> Body:
    """Try a card on an intent; the intent's status says what happened."""
    account, number = intent["_account"], method["_number"]
    intent["payment_method"] = method["id"]
    if number == ASKS and not (authenticated or method.get("_authenticated")):
        intent["status"] = "requires_action"
        intent["next_action"] = {
            "type": "redirect_to_url",
            "redirect_to_url": {
                "url": f"{server.url}/authenticate/{intent['id']}",
                "return_url": None,
            },
        }
        emit(server, account, "payment_intent.requires_action", intent, at=at)
        return intent
    method["_authenticated"] = number == ASKS
    charge = _charge(server, intent, method, at)
    intent["latest_charge"], intent["next_action"] = charge["id"], None
    if number in DECLINES:
        code, reason = DECLINES[number]
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = {
            "type": "card_error",
            "code": code,
            "decline_code": reason,
            "message": "Your card was declined.",
            "charge": charge["id"],
        }
        emit(server, account, "charge.failed", charge, at=at)
        emit(server, account, "payment_intent.payment_failed", intent, at=at)
        return intent
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "last_payment_error": None,
    }
    emit(server, account, "charge.succeeded", charge, at=at)
    emit(server, account, "payment_intent.succeeded", intent, at=at)
    if number == DISPUTED:
        open_dispute(server, charge, at=at)
    return intent


def _charge(server: StripeServer, intent: Body, method: Body, at: int) -> Body:
    account, refused = intent["_account"], method["_number"] in DECLINES
    code = DECLINES.get(method["_number"], (None, None))
    charge = server.store.put(
        account,
        {
            "id": server.store.new_id("ch"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0 if refused else intent["amount"],
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": intent["application_fee_amount"],
            "balance_transaction": None,
            "billing_details": method["billing_details"],
            "captured": not refused,
            "created": at or server.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": code[0],
            "failure_message": "Your card was declined." if refused else None,
            "fraud_details": {},
            "livemode": False,
            "metadata": intent["metadata"],
            "on_behalf_of": None,
            "outcome": {"type": "issuer_declined" if refused else "authorized"},
            "paid": not refused,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {
                "type": "card",
                "card": {"brand": method["card"]["brand"], "last4": method["card"]["last4"]},
            },
            "receipt_email": None,
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": None,
            "source_transfer": None,
            "statement_descriptor": None,
            "status": "failed" if refused else "succeeded",
            "transfer_data": None,
            "transfer_group": None,
        },
    )
    if not refused:
        from tests.support.stripe_server import connect

        charge["balance_transaction"] = connect.book(
            server, account, "charge", charge["id"], charge["amount"], charge["currency"]
        )["id"]
        connect.take_fee(server, charge)
    return charge


@route("POST", "/v1/payment_intents", "payment_intent_create")
def create_intent(server: StripeServer, request: Request) -> Body:
    params = request.params
    intent = new_intent(
        server,
        request.account,
        amount=params["amount"],
        currency=params["currency"].lower(),
        customer=params.get("customer"),
        metadata=params.get("metadata"),
        fee=params.get("application_fee_amount"),
        description=params.get("description"),
    )
    if params.get("payment_method"):
        intent["payment_method"] = method_of(server, request.account, params["payment_method"])[
            "id"
        ]
        intent["status"] = "requires_confirmation"
    if params.get("confirm"):
        return _confirmed(server, intent)
    return intent


def _confirmed(server: StripeServer, intent: Body) -> Body:
    if not intent["payment_method"]:
        raise bad("You must provide a payment method.", "payment_method")
    method = server.store.get(intent["_account"], intent["payment_method"], "payment_method")
    confirm(server, intent, method)
    if intent["last_payment_error"]:
        raise declined(method["_number"], payment_intent={"id": intent["id"]})
    return intent


@route("GET", "/v1/payment_intents", "payment_intent_list")
def list_intents(server: StripeServer, request: Request) -> Body:
    rows = server.store.find(request.account, "payment_intent")
    if request.params.get("customer"):
        rows = [row for row in rows if row["customer"] == request.params["customer"]]
    return listing(rows, request.params, request.path)


@route("GET", "/v1/payment_intents/{id}", "payment_intent_retrieve")
def get_intent(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "payment_intent")


@route("POST", "/v1/payment_intents/{id}/confirm", "payment_intent_confirm")
def confirm_intent(server: StripeServer, request: Request) -> Body:
    intent = server.store.get(request.account, request.args[0], "payment_intent")
    if intent["status"] in {"succeeded", "canceled"}:
        raise ApiError(
            400,
            "invalid_request_error",
            f"This PaymentIntent's status is {intent['status']}.",
            code="payment_intent_unexpected_state",
        )
    if request.params.get("payment_method"):
        method = method_of(server, request.account, request.params["payment_method"])
        intent["payment_method"] = method["id"]
    return _confirmed(server, intent)


@route("POST", "/v1/payment_intents/{id}/cancel", "payment_intent_cancel")
def cancel_intent(server: StripeServer, request: Request) -> Body:
    intent = server.store.get(request.account, request.args[0], "payment_intent")
    intent |= {"status": "canceled", "canceled_at": server.now()}
    emit(server, request.account, "payment_intent.canceled", intent)
    return intent


@route("GET", "/v1/charges", "charge_list")
def list_charges(server: StripeServer, request: Request) -> Body:
    rows = server.store.find(request.account, "charge")
    for name in ("customer", "payment_intent"):
        if request.params.get(name):
            rows = [row for row in rows if row[name] == request.params[name]]
    return listing(rows, request.params, request.path)


@route("GET", "/v1/charges/{id}", "charge_retrieve")
def get_charge(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "charge")


# --- refunds and disputes -----------------------------------------------------------------------


@route("POST", "/v1/refunds", "refund_create")
def create_refund(server: StripeServer, request: Request) -> Body:
    params, account = request.params, request.account
    if params.get("charge"):
        charge = server.store.get(account, params["charge"], "charge", "charge")
    elif params.get("payment_intent"):
        intent = server.store.get(account, params["payment_intent"], "payment_intent")
        charge = server.store.get(account, intent["latest_charge"], "charge")
    else:
        raise bad("One of charge or payment_intent is required.", "charge")
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        raise bad(
            f"Charge {charge['id']} has already been refunded.", "", "charge_already_refunded"
        )
    amount = params.get("amount", left)
    if not 1 <= amount <= left:
        raise bad(
            f"Refund amount ({amount}) is greater than the unrefunded amount ({left}).", "amount"
        )
    from tests.support.stripe_server import connect

    made = server.store.put(
        account,
        {
            "id": server.store.new_id("re"),
            "object": "refund",
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "created": server.now(),
            "currency": charge["currency"],
            "metadata": params.get("metadata") or {},
            "payment_intent": charge["payment_intent"],
            "reason": params.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        },
    )
    made["balance_transaction"] = connect.book(
        server, account, "refund", made["id"], -amount, charge["currency"]
    )["id"]
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    if params.get("refund_application_fee"):
        connect.give_fee_back(server, charge, amount)
    at = _time(server, charge)
    emit(server, account, "refund.created", made, at=at)
    emit(server, account, "charge.refunded", charge, at=at)
    return made


@route("GET", "/v1/refunds", "refund_list")
def list_refunds(server: StripeServer, request: Request) -> Body:
    rows = server.store.find(request.account, "refund")
    for name in ("charge", "payment_intent"):
        if request.params.get(name):
            rows = [row for row in rows if row[name] == request.params[name]]
    return listing(rows, request.params, request.path)


@route("GET", "/v1/refunds/{id}", "refund_retrieve")
def get_refund(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "refund")


def open_dispute(server: StripeServer, charge: Body, *, at: int = 0) -> Body:
    """Let the holder of the card contest a charge."""
    account = charge["_account"]
    charge["disputed"] = True
    made = server.store.put(
        account,
        {
            "id": server.store.new_id("du"),
            "object": "dispute",
            "amount": charge["amount"],
            "balance_transaction": None,
            "balance_transactions": [],
            "charge": charge["id"],
            "created": at or server.now(),
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {},
            "evidence_details": {
                "due_by": server.now() + 7 * 86_400,
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": False,
            "livemode": False,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "reason": "fraudulent",
            "status": "needs_response",
        },
    )
    emit(server, account, "charge.dispute.created", made, at=at)
    return made


def close_dispute(server: StripeServer, dispute: Body, *, won: bool) -> None:
    """Decide a dispute."""
    dispute["status"] = "won" if won else "lost"
    charge = server.store.get(dispute["_account"], dispute["charge"], "charge")
    emit(server, dispute["_account"], "charge.dispute.closed", dispute, at=_time(server, charge))


def _time(server: StripeServer, charge: Body) -> int:
    """Return the time of the customer of a charge."""
    from tests.support.stripe_server import clock

    account, key = charge["_account"], charge["customer"]
    customer = server.store.get(account, key, "customer") if key else {"test_clock": None}
    return clock.of(server, account, customer["test_clock"])


@route("GET", "/v1/disputes", "dispute_list")
def list_disputes(server: StripeServer, request: Request) -> Body:
    return listing(server.store.find(request.account, "dispute"), request.params, request.path)


@route("GET", "/v1/disputes/{id}", "dispute_retrieve")
def get_dispute(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "dispute")


@route("POST", "/v1/disputes/{id}", "dispute_update")
def update_dispute(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "dispute")
    merge_metadata(row, request.params.get("metadata"))
    row["evidence"] |= request.params.get("evidence") or {}
    # As in the service's test mode, this text decides.
    text = row["evidence"].get("uncategorized_text")
    if request.params.get("submit", True) and text in {"winning_evidence", "losing_evidence"}:
        close_dispute(server, row, won=text == "winning_evidence")
    return row


@route("POST", "/v1/disputes/{id}/close", "dispute_close")
def accept_dispute(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "dispute")
    close_dispute(server, row, won=False)
    return row
