"""Events that never reached us, pulled from Stripe (which keeps them for 30 days)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tremplin.billing.facts import BillingFact
from tremplin.billing.models import ProviderEvent
from tremplin.billing.stripe.client import api
from tremplin.billing.stripe.reading import EVENTS, PROVIDER, Stamp, facts_of_event

FACT_EVENTS = tuple(
    kind for kind in EVENTS if not kind.startswith(("customer.updated", "payment_method."))
)
SAME_TYPES = 20  # as many as Stripe accepts in one question


def facts_since(since: datetime) -> Iterator[BillingFact]:
    """Return the facts of events since then that we have not, oldest first.

    An object is read once, however many of its events were lost: its state is the current one.
    """
    pages = api().events.list(
        {
            "types": list(FACT_EVENTS[:SAME_TYPES]),
            "created": {"gte": int(since.timestamp())},
            "limit": 100,
        }
    )
    found = [event for event in pages.auto_paging_iter() if not event.to_dict().get("account")]
    known = _known([event.id for event in found])
    newest: dict[tuple[str, str], tuple[str, str, int]] = {}
    for event in found:  # newest first
        about = (_family(event.type), event.to_dict()["data"]["object"]["id"])
        newest.setdefault(about, (event.id, event.type, event.created))
    for (_about, key), (event_id, kind, created) in reversed(newest.items()):
        if event_id not in known:
            yield from facts_of_event(kind, key, Stamp.of(event_id, created))


def _family(kind: str) -> str:
    """Return what an event is about: a refund of a charge is not its dispute."""
    return kind if kind == "charge.refunded" else kind.rpartition(".")[0]


def _known(events: list[str]) -> set[str]:
    """Return the events of which at least one fact was written."""
    rows = ProviderEvent.objects.filter(provider=PROVIDER, event_id__startswith="evt_").exclude(
        outcome=""
    )
    wanted = set(events)
    return {key.partition(":")[0] for key in rows.values_list("event_id", flat=True)} & wanted
