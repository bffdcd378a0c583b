"""Make an installation known to Stripe: products, prices, portal and webhook endpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.urls import reverse

from tenants import registry
from tenants.context import public, public_write
from tremplin.api import Problem
from tremplin.billing.models import Price
from tremplin.billing.stripe import catalogue, client
from tremplin.billing.stripe.reading import EVENTS

CONNECT_EVENTS = (
    "account.updated",
    "checkout.session.completed",
    "checkout.session.expired",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.closed",
)


@dataclass(frozen=True, slots=True)
class Installed:
    """What exists after a run; ``made`` counts the endpoints that were new."""

    prices: int
    endpoint: str
    connect_endpoint: str
    made: int


def run(origin: str, say: Callable[[str], object]) -> Installed:
    """Prepare everything for webhooks at ``origin`` (``https://host``); running it twice is safe.

    Raises ``Problem`` without a usable key and for an address that is not the operator's.
    """
    origin = origin.rstrip("/")
    _require_operator(origin)
    prices = _prices()
    say(f"{prices} prices are known to Stripe")
    catalogue.portal_configuration()
    say("the customer portal is configured")
    made = 0
    found = {}
    with public(), public_write("stripe mirror"):
        for connect, events in ((False, EVENTS), (True, CONNECT_EVENTS)):
            url, is_new = _endpoint(origin, connect=connect, events=events)
            found[connect] = url
            made += is_new
            say(f"webhook {'of connected accounts' if connect else 'of the platform'}: {url}")
    return Installed(prices, found[False], found[True], made)


def _require_operator(origin: str) -> None:
    parts = urlsplit(origin)
    tenant = registry.by_host(parts.hostname or "")
    if parts.scheme not in {"http", "https"} or tenant is None or tenant.kind != "hq":
        raise Problem(422, "not_operator", f"{origin} is not the address of the operator's space.")


def _prices() -> int:
    rows = Price.objects.filter(is_active=True, amount_minor__gt=0).exclude(
        interval=Price.Interval.ONCE
    )
    count = 0
    for row in rows.select_related("plan_version__plan"):
        catalogue.price(row, row.amount_minor)
        count += 1
    return count


def _endpoint(origin: str, *, connect: bool, events: tuple[str, ...]) -> tuple[str, bool]:
    """Return the address of an endpoint and whether it was made now.

    Stripe says the secret once, at creation: the mirror's row keeps it.
    """
    from djstripe.models import WebhookEndpoint

    live = client.mode() == "live"
    for row in WebhookEndpoint.objects.filter(livemode=live, status="enabled"):
        marks = row.stripe_data.get("metadata") or {}
        same = marks.get("tremplin") == _mark(connect=connect)
        if same and row.url.startswith(f"{origin}/") and row.secret:
            return row.url, False
    uuid = uuid4()
    name = "stripe_connect" if connect else "djstripe:djstripe_webhook_by_uuid"
    url = origin + reverse(name, kwargs={"uuid": uuid})
    body: dict[str, Any] = {
        "url": url,
        "enabled_events": list(events),
        "connect": connect,
        "api_version": settings.STRIPE_API_VERSION,
        "metadata": {"djstripe_uuid": str(uuid), "tremplin": _mark(connect=connect)},
    }
    made = client.api().webhook_endpoints.create(body)  # type: ignore[arg-type]
    WebhookEndpoint.sync_from_stripe_data(made, api_key=client.key())
    return url, True


def _mark(*, connect: bool) -> str:
    return "connect" if connect else "platform"
