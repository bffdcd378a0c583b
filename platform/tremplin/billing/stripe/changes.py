"""Changes of a subscription that Stripe runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stripe import CardError

from tremplin.billing import projector
from tremplin.billing.errors import NotChangeable, PaymentRefused
from tremplin.billing.facts import BillingFact
from tremplin.billing.models import Quote, Subscription
from tremplin.billing.quotes import Agreed, agreed, agreed_of
from tremplin.billing.stripe import catalogue, reading
from tremplin.billing.stripe.checkout import quantity
from tremplin.billing.stripe.client import api
from tremplin.kernel import clock


def preview(sub: Subscription, change: Quote) -> dict[str, Any]:
    """Return what Stripe would charge now: amounts in minor units, and its lines."""
    found = (
        api()
        .invoices.create_preview(
            {
                "subscription": sub.provider_ref,
                "subscription_details": {
                    "items": _items(sub, change),  # type: ignore[typeddict-item]
                    "proration_behavior": "always_invoice",
                },
            }
        )
        .to_dict()
    )
    tax = sum(row["amount"] for row in found["total_taxes"] or [])
    return {
        "net_minor": found["total"] - tax,
        "tax_minor": tax,
        "total_minor": found["total"],
        "lines": [
            {"description": row["description"], "net_minor": row["amount"]}
            for row in found["lines"]["data"]
        ],
    }


def apply(sub: Subscription, change: Quote, key: str) -> Iterable[BillingFact]:
    """Change the items and return what the subscription and its new invoice are now."""
    is_immediate = change.body["is_immediate"]
    if not is_immediate and change.body["interval"] != sub.interval:
        raise NotChangeable
    try:
        found = api().subscriptions.update(
            sub.provider_ref,
            {
                "items": _items(sub, change),  # type: ignore[typeddict-item]
                "proration_behavior": "always_invoice" if is_immediate else "none",
                "payment_behavior": "error_if_incomplete",
            },
            {"idempotency_key": f"change:{key}"},
        )
    except CardError as error:
        details = error.error.to_dict() if error.error is not None else {}
        raise PaymentRefused(details.get("decline_code") or error.code or "") from error
    stamp = _stamp(key)
    facts: list[BillingFact] = list(reading.facts_of_subscription(sub.provider_ref, stamp))
    if is_immediate and found.latest_invoice:
        facts += reading.facts_of_invoice(str(found.latest_invoice), stamp)
    return facts


def _stamp(key: str) -> reading.Stamp:
    return reading.Stamp.of(f"change:{key}", int(clock.now().timestamp()))


def _items(sub: Subscription, change: Quote) -> list[dict[str, Any]]:
    """Return the items to send, each with the reference of the one it replaces.

    A change for later keeps what was paid on the item itself, until the end of the period.
    """
    rows = list(sub.items.order_by("created_at", "id"))
    former, wanted = agreed_of(sub), agreed(change.body["items"])
    sent = []
    for row, old, new in zip(rows, former, wanted, strict=True):
        body: dict[str, Any] = {
            "price": catalogue.price(new.price, new.amount_minor),
            "quantity": quantity(new),
            "metadata": _kept(sub, old, is_immediate=change.body["is_immediate"]),
        }
        if row.provider_ref:
            body["id"] = row.provider_ref
        sent.append(body)
    return sent


def _kept(sub: Subscription, old: Agreed, *, is_immediate: bool) -> Any:
    if is_immediate:
        return dict.fromkeys(reading.KEPT, "")
    values = (str(old.price.pk), str(old.seats), str(int(sub.period_end.timestamp())))
    return dict(zip(reading.KEPT, values, strict=True))


def cancel(sub: Subscription, *, at_period_end: bool) -> None:
    """End a subscription at the end of its period, also in a trial, or now."""
    if at_period_end:
        api().subscriptions.update(sub.provider_ref, {"cancel_at_period_end": True})
    else:
        api().subscriptions.cancel(sub.provider_ref)
    _project(sub)


def undo_cancel(sub: Subscription) -> None:
    """Continue a subscription that was to end."""
    api().subscriptions.update(sub.provider_ref, {"cancel_at_period_end": False})
    _project(sub)


def _project(sub: Subscription) -> None:
    stamp = reading.Stamp.of("", int(clock.now().timestamp()))
    for fact in reading.facts_of_subscription(
        sub.provider_ref,
        reading.Stamp(f"read:{sub.pk}:{stamp.version}", stamp.occurred_at, stamp.version),
    ):
        projector.apply(fact)
