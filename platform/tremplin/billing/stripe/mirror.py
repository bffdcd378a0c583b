"""What the mirror of Stripe holds, for the operator to read: secrets, people and open links masked.

The mirror can be made again from Stripe at any time: nothing is ever changed here, and no question
of business is answered from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from tremplin.billing.errors import NotFound
from tremplin.billing.stripe.client import mode

MASK = "••••"
# By address: the model of the mirror. Keys of the API are a model too, and never shown.
KINDS = {
    "customers": "Customer",
    "subscriptions": "Subscription",
    "invoices": "Invoice",
    "payments": "PaymentIntent",
    "charges": "Charge",
    "refunds": "Refund",
    "disputes": "Dispute",
    "methods": "PaymentMethod",
    "products": "Product",
    "prices": "Price",
    "coupons": "Coupon",
    "tax-rates": "TaxRate",
    "accounts": "Account",
    "events": "Event",
    "endpoints": "WebhookEndpoint",
    "deliveries": "WebhookEventTrigger",
}
# Whoever holds one of these may act as us, or open a document without signing in.
SECRET = re.compile(r"secret|fingerprint|(?:^|_)(?:url|token|password|pdf|key)$")
# Whom it is about: the operator's own customers are in our tables, under the rules of our pages.
PERSONAL = re.compile(
    r"(?:^|_)(?:name|email|phone|address|shipping|billing_details|ip|description|card|sepa_debit"
    r"|tax_ids|headers|body)$"
)
LOOKS_SECRET = re.compile(r"\b(?:sk|rk|pk|whsec)_[A-Za-z0-9_]+")
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object: its address, its name, how many the mirror holds in this mode."""

    slug: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Row:
    """One object: its id at Stripe, what it is about, and its content with the masks on."""

    ref: str
    text: str
    is_live: bool
    created: datetime | None
    body: str


def names() -> dict[str, str]:
    """Return the name of each kind in the reader's language."""
    return {
        "customers": _("Customers"),
        "subscriptions": _("Subscriptions"),
        "invoices": _("Invoices"),
        "payments": _("Payments"),
        "charges": _("Charges"),
        "refunds": _("Refunds"),
        "disputes": _("Disputes"),
        "methods": _("Means of payment"),
        "products": _("Products"),
        "prices": _("Prices"),
        "coupons": _("Discount codes"),
        "tax-rates": _("VAT rates"),
        "accounts": _("Accounts"),
        "events": _("Events"),
        "endpoints": _("Addresses that Stripe calls"),
        "deliveries": _("Calls received"),
    }


def kinds() -> list[Kind]:
    """Return every kind with its number of objects."""
    found = names()
    return [Kind(slug, found[slug], rows(slug).count()) for slug in KINDS]


def model(slug: str) -> type[Model]:
    """Return the model of a kind. Raises ``NotFound``."""
    name = KINDS.get(slug)
    if name is None:
        raise NotFound
    return apps.get_model("djstripe", name)


def rows(slug: str) -> QuerySet[Any]:
    """Return the objects of a kind in the mode of this installation, latest first."""
    found: QuerySet[Any] = model(slug)._default_manager.all()
    if slug == "deliveries":
        return found.order_by("-id")
    live = mode() == "live"
    # The account itself has no mode.
    shown = found if slug == "accounts" else found.filter(livemode=live)
    return shown.order_by("-created", "-djstripe_id")


def shown(slug: str, found: list[Any]) -> list[Row]:
    """Return rows as they may be read."""
    return [_delivery(row) if slug == "deliveries" else _object(row) for row in found]


def _object(row: Any) -> Row:
    data = masked(row.stripe_data or {})
    about = data.get("type") or data.get("status") or data.get("nickname") or ""
    return Row(str(row.id), str(about), bool(row.livemode), row.created, _text(data))


def _delivery(row: Any) -> Row:
    """A call that came in: whether its signature held, and what went wrong; never its content."""
    event = getattr(row.event, "id", "") if row.event_id else ""
    data = {
        "event": event,
        "valid": row.valid,
        "processed": row.processed,
        "exception": masked(row.exception or ""),
    }
    return Row(f"#{row.pk}", event, mode() == "live", row.created, _text(data))


def _text(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True, default=str)


def masked(value: Any, key: str = "", *, hidden: bool = False) -> Any:
    """Return a value of the mirror without secrets, people and open links; keys stay."""
    if isinstance(value, dict):
        return dict(_members(value, key, hidden))
    if isinstance(value, list):
        return [masked(item, key, hidden=hidden) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if hidden:
        return MASK
    if isinstance(value, str):
        return LOOKS_SECRET.sub(MASK, value)[:LONGEST]
    return value


def _members(value: dict[str, Any], key: str, hidden: bool) -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        # Metadata are ours: ids of rows. Anything else in them was typed by somebody.
        typed = key == "metadata" and name not in {"order", "tenant", "price", "plan", "tremplin"}
        hides = hidden or typed or bool(SECRET.search(name)) or bool(PERSONAL.search(name))
        yield name, masked(item, name, hidden=hides)
