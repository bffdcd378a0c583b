"""Since when a subscription is unpaid, and what follows for its state and its licences.

Everything derives from its open invoices, so the result never depends on the order of the facts.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db import transaction

from tremplin.api import services
from tremplin.billing.models import Invoice, Subscription
from tremplin.billing.providers import get
from tremplin.kernel import clock
from tremplin.licensing import services as licensing
from tremplin.licensing import states
from tremplin.licensing.models import License

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


def collects_itself(slug: str) -> bool:
    """Return whether a provider takes the money by itself (a card), or waits for a transfer."""
    return slug != "invoice" and slug != "free"


def due_at(invoice: Invoice, zone: str) -> datetime:
    """Return when an open invoice is late: at once for a card, after its due date for a transfer."""
    if collects_itself(invoice.provider) or invoice.due_on is None:
        return invoice.finalised_at or invoice.created_at
    day_after = invoice.due_on + timedelta(days=1)
    return datetime.combine(day_after, time.min, ZoneInfo(zone))


def unpaid_since(subscription: Subscription) -> datetime | None:
    """Return the earliest instant at which an open invoice is (or will be) late, None if none."""
    found = subscription.invoices.filter(state=Invoice.State.OPEN, kind=Invoice.Kind.INVOICE)
    return min((due_at(invoice, subscription.zone) for invoice in found), default=None)


def facts_of(subscription: Subscription) -> states.Facts:
    """Return the dates from which the state of a subscription follows."""
    item = subscription.items.select_related("price__plan_version").order_by("created_at").first()
    version = item.price.plan_version if item is not None else None
    durations = (
        states.Durations()
        if version is None
        else states.Durations(
            version.past_due_days, version.grace_days, version.read_only_days, version.keep_days
        )
    )
    return states.Facts(
        is_trial=subscription.trial_end is not None
        and subscription.period_end == subscription.trial_end,
        unpaid_since=subscription.unpaid_since,
        ended_at=subscription.ended_at,
        durations=durations,
    )


def state_of(subscription: Subscription, at: datetime | None = None) -> str:
    """Return the state of a subscription at an instant (now by default)."""
    return states.state_at(facts_of(subscription), at or clock.now()).state


@transaction.atomic
def refresh(tenant: TenantInfo, subscription: Subscription) -> str:
    """Write since when it is unpaid, its state, and tell its licences; return the state.

    The caller holds the account's lock.
    """
    with services.tenancy().public_write("billing"):
        if "engine" in get(subscription.provider).capabilities:
            subscription.unpaid_since = unpaid_since(subscription)
        if subscription.unpaid_since is None:
            subscription.dunning_step = 0
        subscription.state = state_of(subscription)
        subscription.save(update_fields=["unpaid_since", "dunning_step", "state", "updated_at"])
    for held in licences(subscription):
        if held.unpaid_since != subscription.unpaid_since:
            licensing.note_payment(tenant, held, unpaid_since=subscription.unpaid_since)
    return subscription.state


def licences(subscription: Subscription) -> list[License]:
    """Return the running licences that a subscription pays for."""
    keys = subscription.items.filter(license__isnull=False).values_list("license", flat=True)
    return list(
        License.objects.filter(pk__in=list(keys), ended_at=None).order_by("created_at", "id")
    )
