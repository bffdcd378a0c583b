"""Facts from the current objects of Stripe, in the shape of API version 2026-05-27.dahlia.

An event only says that something happened: the object is read again, so the order of events and
their repetition do not matter. ``version`` is the instant of that reading.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tremplin.billing.facts import (
    BillingFact,
    Dispute,
    InvoiceLineState,
    InvoiceState,
    ItemState,
    PaymentFailed,
    PaymentSettled,
    Refunded,
    SubscriptionState,
)
from tremplin.billing.stripe.client import api

PROVIDER = "stripe"
# Incomplete subscriptions were never paid: they are no state of ours.
STATES = {
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "past_due",
    "paused": "past_due",
    "canceled": "ended",
}
KEPT = ("kept_price", "kept_quantity", "kept_until")
EVENTS = (
    "checkout.session.completed",
    "checkout.session.expired",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "invoice.finalized",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.closed",
    "customer.updated",
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a fact comes from: the id of its event, when that happened, when it was read."""

    event: str
    occurred_at: datetime
    version: int

    @classmethod
    def of(cls, event: str, created: int) -> Stamp:
        """Return the stamp of an event that is read now; ``created`` in seconds."""
        return cls(event, moment(created), time.time_ns() // 1000)

    def of_kind(self, kind: str) -> dict[str, Any]:
        """Return the common fields of a fact."""
        return {
            "provider": PROVIDER,
            "event_id": f"{self.event}:{kind}",
            "occurred_at": self.occurred_at,
            "version": self.version,
        }


def moment(seconds: int) -> datetime:
    """Return an instant from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def as_uuid(value: Any) -> UUID | None:
    """Return a UUID from metadata, None when it is none: metadata is what anybody typed."""
    try:
        return UUID(str(value))
    except ValueError:
        return None


def facts_of_event(kind: str, key: str, stamp: Stamp) -> Iterator[BillingFact]:
    """Return the facts that follow from an event of ``kind`` about the object ``key``."""
    if kind.startswith("customer.subscription."):
        yield from facts_of_subscription(key, stamp)
    elif kind.startswith("invoice."):
        yield from facts_of_invoice(key, stamp)
    elif kind == "checkout.session.completed":
        yield from _session(key, stamp)
    elif kind == "charge.refunded":
        yield from _refunded(key, stamp)
    elif kind.startswith("charge.dispute."):
        yield from _dispute(key, stamp)


# --- subscriptions ------------------------------------------------------------------------------


def facts_of_subscription(key: str, stamp: Stamp) -> Iterator[SubscriptionState]:
    """Return the current state of a subscription."""
    found = api().subscriptions.retrieve(key)
    fact = subscription_state(found.to_dict(), stamp)
    if fact is not None:
        yield fact


def subscription_state(body: dict[str, Any], stamp: Stamp) -> SubscriptionState | None:
    """Return the fact of a subscription; None for one that was never paid or is not ours."""
    state = STATES.get(body["status"])
    rows = body["items"]["data"]
    items = [_item(row) for row in rows]
    if state is None or any(item is None for item in items):
        return None
    start = moment(max(row["current_period_start"] for row in rows))
    common = stamp.of_kind("SubscriptionState")
    if state == "past_due":
        # An older event read again now must not date the late payment back to itself.
        common["occurred_at"] = max(stamp.occurred_at, start)
    return SubscriptionState(
        **common,
        order=as_uuid(body["metadata"].get("order")),
        subscription_ref=body["id"],
        state=state,  # type: ignore[arg-type]
        period_start=start,
        period_end=moment(min(row["current_period_end"] for row in rows)),
        trial_end=_maybe(body["trial_end"]),
        cancel_at_period_end=bool(body["cancel_at_period_end"]),
        ended_at=_maybe(body["ended_at"]),
        items=tuple(item for item in items if item is not None),
    )


def _maybe(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def _item(row: dict[str, Any]) -> ItemState | None:
    """Return an item; what was paid already is kept until the end of its period."""
    notes = row.get("metadata") or {}
    price = as_uuid((row["price"].get("metadata") or {}).get("price"))
    quantity = row.get("quantity") or 1
    if all(notes.get(name) for name in KEPT) and row["current_period_start"] < int(
        notes["kept_until"]
    ):
        price, quantity = as_uuid(notes["kept_price"]), int(notes["kept_quantity"])
    return None if price is None else ItemState(price=price, quantity=quantity, ref=row["id"])


# --- invoices and payments ----------------------------------------------------------------------


def facts_of_invoice(key: str, stamp: Stamp) -> Iterator[BillingFact]:
    """Return the current state of an invoice and of the payments made for it."""
    found = api().invoices.retrieve(key, {"expand": ["payments.data.payment.payment_intent"]})
    body = found.to_dict()
    if body["status"] == "draft" or body["total"] <= 0:
        return
    yield invoice_state(body, stamp, _lines(key))
    for row in (body.get("payments") or {}).get("data", []):
        intent = (row.get("payment") or {}).get("payment_intent")
        if isinstance(intent, dict):
            yield from payment_facts(intent, stamp, subscription_of(body), invoice_ref=key)


def _lines(key: str) -> list[dict[str, Any]]:
    pages = api().invoices.line_items.list(key, {"limit": 100}).auto_paging_iter()
    return [line.to_dict() for line in pages]


def subscription_of(invoice: dict[str, Any]) -> str:
    """Return the subscription of an invoice: it lies under ``parent`` since 2025-03-31."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    found = details.get("subscription") or ""
    return str(found["id"] if isinstance(found, dict) else found)


def invoice_state(
    body: dict[str, Any], stamp: Stamp, lines: Iterable[dict[str, Any]]
) -> InvoiceState:
    """Return the fact of an invoice; the order counts for the first invoice only."""
    details = (body.get("parent") or {}).get("subscription_details") or {}
    first = body["billing_reason"] == "subscription_create"
    tax = sum(row["amount"] for row in body["total_taxes"] or [])
    issued = body["status_transitions"]["finalized_at"] or body["created"]
    return InvoiceState(
        **stamp.of_kind("InvoiceState"),
        order=as_uuid((details.get("metadata") or {}).get("order")) if first else None,
        subscription_ref=subscription_of(body),
        invoice_ref=body["id"],
        state=body["status"],
        number=body["number"],
        currency=body["currency"].upper(),
        net_minor=body["total"] - tax,
        tax_minor=tax,
        total_minor=body["total"],
        paid_minor=body["amount_paid"],
        issued_on=moment(issued).date(),
        due_on=moment(body["due_date"]).date() if body["due_date"] else None,
        pdf_url=body["invoice_pdf"] or "",
        lines=tuple(_line(row) for row in lines),
    )


def _line(row: dict[str, Any]) -> InvoiceLineState:
    off = sum(item["amount"] for item in row.get("discount_amounts") or [])
    net = row["amount"] - off
    tax = sum(item["amount"] for item in row.get("taxes") or [])
    return InvoiceLineState(
        description=row["description"] or "",
        quantity=row["quantity"] or 1,
        net_minor=net,
        tax_rate=rate_of(row.get("taxes") or []) if tax else "0",
        period_start=moment(row["period"]["start"]),
        period_end=moment(row["period"]["end"]),
    )


def rate_of(taxes: list[dict[str, Any]]) -> str:
    """Return the percentage of the first VAT of a line."""
    details = (taxes[0].get("tax_rate_details") or {}) if taxes else {}
    key = details.get("tax_rate")
    return f"{api().tax_rates.retrieve(key).percentage:.2f}" if key else "0"


def payment_facts(
    intent: dict[str, Any],
    stamp: Stamp,
    subscription_ref: str = "",
    *,
    invoice_ref: str = "",
    order: UUID | None = None,
) -> Iterator[PaymentSettled | PaymentFailed]:
    """Return what became of a payment; each attempt and each success is one fact for ever."""
    common: dict[str, Any] = {
        "provider": PROVIDER,
        "occurred_at": stamp.occurred_at,
        "version": stamp.version,
        "invoice_ref": invoice_ref,
        "subscription_ref": subscription_ref,
        "order": order,
        "payment_ref": intent["id"],
        "currency": intent["currency"].upper(),
        "method": "card",
    }
    if intent["status"] == "succeeded":
        yield PaymentSettled(
            **common, event_id=f"paid:{intent['id']}", amount_minor=intent["amount_received"]
        )
    elif intent.get("last_payment_error"):
        error = intent["last_payment_error"]
        yield PaymentFailed(
            **common,
            event_id=f"failed:{error.get('charge') or stamp.event}",
            amount_minor=intent["amount"],
            failure=error.get("decline_code") or error.get("code") or "",
        )


def _session(key: str, stamp: Stamp) -> Iterator[BillingFact]:
    found = api().checkout.sessions.retrieve(key, {"expand": ["payment_intent"]}).to_dict()
    if found.get("subscription"):
        yield from facts_of_subscription(str(found["subscription"]), stamp)
        if found.get("invoice"):
            yield from facts_of_invoice(str(found["invoice"]), stamp)
    elif isinstance(found.get("payment_intent"), dict):
        order = as_uuid((found.get("metadata") or {}).get("order"))
        yield from payment_facts(found["payment_intent"], stamp, order=order)


def _refunded(key: str, stamp: Stamp) -> Iterator[Refunded]:
    found = api().charges.retrieve(key).to_dict()
    if found.get("payment_intent"):
        yield Refunded(
            **stamp.of_kind("Refunded"),
            payment_ref=str(found["payment_intent"]),
            currency=found["currency"].upper(),
            refunded_minor=found["amount_refunded"],
        )


def _dispute(key: str, stamp: Stamp) -> Iterator[Dispute]:
    found = api().disputes.retrieve(key).to_dict()
    closed = found["status"] in {"won", "lost"}
    if found.get("payment_intent"):
        yield Dispute(
            **stamp.of_kind("Dispute"),
            payment_ref=str(found["payment_intent"]),
            currency=found["currency"].upper(),
            amount_minor=found["amount"],
            outcome=found["status"] if closed else "opened",
        )
