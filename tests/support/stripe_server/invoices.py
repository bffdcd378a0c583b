"""Invoices: lines, taxes, discounts, numbers and their payment."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.support.stripe_server import payments
from tests.support.stripe_server.http import Request, route
from tests.support.stripe_server.store import (
    INCLUDABLE,
    ApiError,
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

DAY = 86_400
# Approximation of the service's smart retries: three more attempts.
RETRIES = (3 * DAY, 5 * DAY, 7 * DAY)


def half_up(value: Fraction) -> int:
    """Round to the nearest unit, halves away from zero."""
    if value < 0:
        return -half_up(-value)
    return int(value + Fraction(1, 2))


def _payments(store: Store, invoice: Body) -> Body:
    rows = store.find(invoice["_account"], "invoice_payment", invoice=invoice["id"])
    return sublist(rows, f"/v1/invoices/{invoice['id']}/payments")


INCLUDABLE["invoice", "payments"] = _payments


def new_line(
    server: StripeServer,
    *,
    price: Body | None,
    quantity: int,
    amount: int,
    start: int,
    end: int,
    description: str,
    subscription: str | None = None,
    item: str | None = None,
    proration: bool = False,
) -> Body:
    """Return a line of an invoice; taxes are added by ``total``."""
    details = {"proration": proration, "invoice_item": None}
    parent: Body = {
        "type": "subscription_item_details" if item else "invoice_item_details",
        "subscription_item_details": {
            **details,
            "subscription": subscription,
            "subscription_item": item,
            "proration_details": {"credited_items": None},
        }
        if item
        else None,
        "invoice_item_details": None if item else {**details, "subscription": subscription},
    }
    return {
        "id": server.store.new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"] if price else "eur",
        "description": description,
        "discount_amounts": [],
        "discountable": not proration,
        "discounts": [],
        "livemode": False,
        "metadata": {},
        "parent": parent,
        "period": {"start": start, "end": end},
        "pricing": {
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": price["unit_amount_decimal"],
        }
        if price
        else None,
        "quantity": quantity,
        "subtotal": amount,
        "taxes": [],
    }


def draft(
    server: StripeServer,
    customer: Body,
    lines: list[Body],
    *,
    reason: str,
    at: int,
    subscription: Body | None = None,
    rates: list[str] | None = None,
    coupon: Body | None = None,
    currency: str = "eur",
    metadata: Body | None = None,
) -> Body:
    """Create a draft invoice with its totals."""
    key, account = server.store.new_id("in"), customer["_account"]
    starts = [line["period"]["start"] for line in lines] or [at]
    ends = [line["period"]["end"] for line in lines] or [at]
    details = {
        "subscription": subscription["id"] if subscription else None,
        "metadata": dict(subscription["metadata"]) if subscription else {},
    }
    invoice = {
        "id": key,
        "object": "invoice",
        "account_country": "FR",
        "account_name": "Platform",
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {"enabled": False, "liability": None, "status": None},
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": subscription["collection_method"]
        if subscription
        else "charge_automatically",
        "created": at,
        "currency": lines[0]["currency"] if lines else currency,
        "custom_fields": None,
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [
            {"type": row["type"], "value": row["value"]}
            for row in server.store.find(account, "tax_id", customer=customer["id"])
        ],
        "default_payment_method": subscription["default_payment_method"] if subscription else None,
        "default_source": None,
        "default_tax_rates": rates or [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "lines": sublist(lines, f"/v1/invoices/{key}/lines"),
        "livemode": False,
        "metadata": metadata or {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": details,
        }
        if subscription
        else None,
        "payment_settings": {"default_mandate": None, "payment_method_types": None},
        "period_end": max(ends),
        "period_start": min(starts),
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "starting_balance": customer["balance"],
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": customer["test_clock"],
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_taxes": [],
        "webhooks_delivered_at": None,
    }
    total(server, account, invoice, coupon)
    return server.store.put(account, invoice)


def total(server: StripeServer, account: str, invoice: Body, coupon: Body | None) -> None:
    """Compute discounts, taxes (per rate, on the sum of its lines) and totals."""
    lines = invoice["lines"]["data"]
    subtotal = sum(line["amount"] for line in lines)
    off = {line["id"]: 0 for line in lines}
    if coupon is not None:
        only = (coupon["applies_to"] or {}).get("products")
        open_lines = [
            line
            for line in lines
            if line["discountable"]
            and line["amount"] > 0
            and (only is None or line["pricing"]["price_details"]["product"] in only)
        ]
        whole = sum(line["amount"] for line in open_lines)
        left = min(coupon["amount_off"] or 0, whole)
        for line in open_lines:
            if coupon["percent_off"] is not None:
                percent = Fraction(str(coupon["percent_off"])) / 100
                off[line["id"]] = half_up(line["amount"] * percent)
            else:
                last = line is open_lines[-1]
                given = sum(off.values())
                part = half_up(Fraction(left * line["amount"], whole))
                off[line["id"]] = left - given if last else part
        for line in open_lines:
            line["discount_amounts"] = [
                {"amount": off[line["id"]], "discount": coupon["_discount"]}
            ]
        invoice["discounts"] = [coupon["_discount"]]
    discounted = subtotal - sum(off.values())
    taxes = []
    for rate in invoice["default_tax_rates"]:
        row = server.store.get(account, rate, "tax_rate")
        percent = Fraction(str(row["percentage"])) / 100
        amount = half_up(discounted * percent)
        taxes.append(
            {
                "amount": amount,
                "tax_behavior": "exclusive",
                "tax_rate_details": {"tax_rate": rate},
                "taxability_reason": "standard_rated",
                "taxable_amount": discounted,
                "type": "tax_rate_details",
            }
        )
        for line in lines:
            part = half_up((line["amount"] - off[line["id"]]) * percent)
            line["taxes"].append({**taxes[-1], "amount": part})
    amount = discounted + sum(tax["amount"] for tax in taxes)
    due = max(amount + invoice["starting_balance"], 0)
    invoice |= {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total_discount_amounts": [{"amount": sum(off.values()), "discount": coupon["_discount"]}]
        if coupon
        else [],
        "total_taxes": taxes,
        "total_excluding_tax": discounted,
        "total": amount,
        "amount_due": due,
        "amount_remaining": due,
    }


def finalise(server: StripeServer, invoice: Body, *, at: int) -> Body:
    """Number an invoice and use the customer's balance."""
    account = invoice["_account"]
    customer = server.store.get(account, invoice["customer"], "customer")
    number = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] += 1
    after = customer["balance"] + invoice["total"]
    customer["balance"] = min(after, 0) if after < 0 or customer["balance"] else 0
    invoice |= {
        "number": f"{customer['invoice_prefix']}-{number:04d}",
        "status": "open",
        "ending_balance": customer["balance"],
        "hosted_invoice_url": f"{server.url}/invoice/{invoice['id']}",
        "invoice_pdf": f"{server.url}/invoice/{invoice['id']}/pdf",
        "effective_at": at,
        "due_date": at + 30 * DAY if invoice["collection_method"] == "send_invoice" else None,
    }
    invoice["status_transitions"]["finalized_at"] = at
    emit(server, account, "invoice.finalized", invoice, at=at)
    return invoice


def method_for(server: StripeServer, invoice: Body) -> Body | None:
    """Return the card that pays an invoice: its own, the subscription's, the customer's."""
    account = invoice["_account"]
    customer = server.store.get(account, invoice["customer"], "customer")
    key = invoice["default_payment_method"]
    key = key or customer["invoice_settings"]["default_payment_method"]
    return server.store.get(account, key, "payment_method") if key else None


def pay(
    server: StripeServer,
    invoice: Body,
    method: Body | None,
    *,
    at: int,
    authenticated: bool = False,
) -> str:
    """Try to pay an open invoice; return its new state or the intent's."""
    account = invoice["_account"]
    if invoice["amount_due"] == 0:
        return _paid(server, invoice, at)
    rows = server.store.find(account, "invoice_payment", invoice=invoice["id"])
    if rows:
        intent = server.store.get(account, rows[0]["payment"]["payment_intent"])
    else:
        intent = payments.new_intent(
            server,
            account,
            amount=invoice["amount_due"],
            currency=invoice["currency"],
            customer=invoice["customer"],
            at=at,
            fee=invoice.get("application_fee_amount"),
            metadata=dict(invoice["metadata"]),
        )
        rows = [_payment(server, invoice, intent, at)]
    invoice["attempted"] = True
    invoice["attempt_count"] += 1
    if method is not None:
        payments.confirm(server, intent, method, authenticated=authenticated, at=at)
    if intent["status"] == "succeeded":
        rows[0] |= {"status": "paid", "amount_paid": invoice["amount_due"]}
        rows[0]["status_transitions"]["paid_at"] = at
        return _paid(server, invoice, at)
    step = invoice["attempt_count"] - 1
    retry = invoice["billing_reason"] == "subscription_cycle" and step < len(RETRIES)
    invoice["next_payment_attempt"] = at + RETRIES[step] if retry else None
    emit(server, account, "invoice.payment_failed", invoice, at=at)
    if intent["status"] == "requires_action":
        emit(server, account, "invoice.payment_action_required", invoice, at=at)
    return str(intent["status"])


def _payment(server: StripeServer, invoice: Body, intent: Body, at: int) -> Body:
    return server.store.put(
        invoice["_account"],
        {
            "id": server.store.new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": at,
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        },
    )


def _paid(server: StripeServer, invoice: Body, at: int) -> str:
    invoice |= {
        "status": "paid",
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "next_payment_attempt": None,
        "attempted": True,
    }
    invoice["status_transitions"]["paid_at"] = at
    from tests.support.stripe_server import billing

    billing.invoice_paid(server, invoice, at)
    emit(server, invoice["_account"], "invoice.paid", invoice, at=at)
    return "paid"


def at_of(server: StripeServer, invoice: Body) -> int:
    """Return the time of an invoice's customer."""
    from tests.support.stripe_server import clock

    return clock.of(server, invoice["_account"], invoice["test_clock"])


@route("GET", "/v1/invoices", "invoice_list")
def list_invoices(server: StripeServer, request: Request) -> Body:
    rows, params = server.store.find(request.account, "invoice"), request.params
    for name in ("customer", "status"):
        if params.get(name):
            rows = [row for row in rows if row[name] == params[name]]
    if params.get("subscription"):
        rows = [row for row in rows if subscription_of(row) == params["subscription"]]
    return listing(rows, params, request.path)


def subscription_of(invoice: Body) -> Any:
    """Return the subscription of an invoice, or None."""
    return ((invoice["parent"] or {}).get("subscription_details") or {}).get("subscription")


@route("POST", "/v1/invoices/create_preview", "invoice_create_preview")
def preview(server: StripeServer, request: Request) -> Body:
    from tests.support.stripe_server import billing

    return billing.preview(server, request)


@route("POST", "/v1/invoices", "invoice_create")
def create(server: StripeServer, request: Request) -> Body:
    params = request.params
    customer = server.store.get(request.account, params.get("customer"), "customer", "customer")
    lines = []
    for row in server.store.find(request.account, "invoiceitem", customer=customer["id"]):
        if row["invoice"] is None and row["_subscription"] is None:
            lines.append(row["_line"])
    made = draft(
        server,
        customer,
        lines,
        reason="manual",
        at=server.now(),
        rates=params.get("default_tax_rates") or [],
        metadata=params.get("metadata") or {},
        currency=params.get("currency", "eur"),
    )
    for row in server.store.find(request.account, "invoiceitem", customer=customer["id"]):
        if row["_line"] in lines:
            row["invoice"] = made["id"]
    emit(server, request.account, "invoice.created", made)
    return made


@route("POST", "/v1/invoiceitems", "invoice_item_create")
def create_item(server: StripeServer, request: Request) -> Body:
    params = request.params
    at = server.now()
    line = new_line(
        server,
        price=None,
        quantity=params.get("quantity", 1),
        amount=params["amount"],
        start=at,
        end=at,
        description=params.get("description", ""),
    )
    line["currency"] = params.get("currency", "eur")
    return server.store.put(
        request.account,
        {
            "id": server.store.new_id("ii"),
            "object": "invoiceitem",
            "amount": params["amount"],
            "currency": line["currency"],
            "customer": params.get("customer"),
            "date": at,
            "created": at,
            "description": params.get("description"),
            "invoice": None,
            "livemode": False,
            "metadata": params.get("metadata") or {},
            "_line": line,
            "_subscription": params.get("subscription"),
        },
    )


@route("GET", "/v1/invoices/{id}", "invoice_retrieve")
def get(server: StripeServer, request: Request) -> Body:
    return server.store.get(request.account, request.args[0], "invoice")


@route("GET", "/v1/invoices/{id}/lines", "invoice_line_item_list")
def list_lines(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "invoice")
    return {**row["lines"], "url": request.path}


@route("POST", "/v1/invoices/{id}", "invoice_update")
def update(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "invoice")
    merge_metadata(row, request.params.get("metadata"))
    emit(server, request.account, "invoice.updated", row)
    return row


def _state(row: Body, *allowed: str) -> None:
    if row["status"] not in allowed:
        raise ApiError(
            400,
            "invalid_request_error",
            f"This invoice is {row['status']}.",
            code="invoice_not_editable",
        )


@route("POST", "/v1/invoices/{id}/finalize", "invoice_finalize_invoice")
def finalise_invoice(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "invoice")
    _state(row, "draft")
    return finalise(server, row, at=at_of(server, row))


@route("POST", "/v1/invoices/{id}/send", "invoice_send_invoice")
def send_invoice(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "invoice")
    if row["status"] == "draft":
        finalise(server, row, at=at_of(server, row))
    _state(row, "open")
    return row


@route("POST", "/v1/invoices/{id}/pay", "invoice_pay")
def pay_invoice(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "invoice")
    if row["status"] == "draft":
        finalise(server, row, at=at_of(server, row))
    _state(row, "open")
    if request.params.get("paid_out_of_band"):
        _paid(server, row, at_of(server, row))
        return row
    given = request.params.get("payment_method")
    method = (
        payments.method_of(server, request.account, given) if given else method_for(server, row)
    )
    state = pay(server, row, method, at=at_of(server, row))
    if state == "requires_payment_method":
        if method is None:
            raise bad("There is no payment method.", "", "invoice_no_payment_method_types")
        raise payments.declined(method["_number"])
    if state == "requires_action":
        raise ApiError(
            402, "card_error", "This payment requires authentication.",
            code="invoice_payment_intent_requires_action",
        )  # fmt: skip
    return row


@route("POST", "/v1/invoices/{id}/void", "invoice_void_invoice")
def void(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "invoice")
    _state(row, "open", "uncollectible")
    row["status"] = "void"
    row["status_transitions"]["voided_at"] = at_of(server, row)
    emit(server, request.account, "invoice.voided", row)
    return row


@route("POST", "/v1/invoices/{id}/mark_uncollectible", "invoice_mark_uncollectible")
def give_up(server: StripeServer, request: Request) -> Body:
    row = server.store.get(request.account, request.args[0], "invoice")
    _state(row, "open")
    row["status"] = "uncollectible"
    row["status_transitions"]["marked_uncollectible_at"] = at_of(server, row)
    emit(server, request.account, "invoice.marked_uncollectible", row)
    return row


@route("GET", "/v1/invoice_payments", "invoice_payment_list")
def list_payments(server: StripeServer, request: Request) -> Body:
    rows = server.store.find(request.account, "invoice_payment")
    if request.params.get("invoice"):
        rows = [row for row in rows if row["invoice"] == request.params["invoice"]]
    wanted = (request.params.get("payment") or {}).get("payment_intent")
    if wanted:
        rows = [row for row in rows if row["payment"]["payment_intent"] == wanted]
    return listing(rows, request.params, request.path)
