"""What was used beyond a plan, handed to Stripe as items of the customer's next invoice.

First it is written here that it is to be sent, with the units taken, in one transaction; then it is
sent under the key of that row. A process that dies in between sends it again with the same key,
which Stripe counts once; after the time that Stripe remembers keys, nothing is sent by itself.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import transaction

from tenants import registry
from tremplin.api import services
from tremplin.billing import accounts, overage
from tremplin.billing.facts import TO_SEND
from tremplin.billing.lines import Line
from tremplin.billing.models import ProviderEvent, Subscription
from tremplin.billing.stripe.client import api, mode
from tremplin.billing.stripe.reading import PROVIDER
from tremplin.kernel import clock

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

logger = logging.getLogger(__name__)
KIND = "OverageItem"
SENT = "sent"
# Stripe remembers a key for 24 hours.
SENT_AGAIN_WITHIN = timedelta(hours=20)


def push() -> int:
    """Hand over what running subscriptions owe beyond their plans; return how many items left."""
    rows = Subscription.objects.filter(provider=PROVIDER, ended_at=None).select_related("account")
    for row in rows.order_by("created_at"):
        tenant = registry.by_pk(row.tenant_id)
        if tenant is not None:
            _note(tenant, row)
    return sum(_send(event) for event in _waiting())


def _note(tenant: TenantInfo, row: Subscription) -> None:
    """Write down what is to be sent and count it as billed, in one transaction."""
    with transaction.atomic(), services.tenancy().public_write("overage"):
        accounts.lock(row.account)
        for line in overage.take_lines(tenant, row):
            ProviderEvent.objects.create(
                provider=PROVIDER,
                event_id=f"overage:{uuid4()}",
                kind=KIND,
                occurred_at=clock.now(),
                received_at=clock.now(),
                body=_body(row, line),
                outcome=TO_SEND,
            )


def _body(row: Subscription, line: Line) -> dict[str, object]:
    return {
        "customer": row.account.provider_refs[f"stripe:{mode()}:customer"],
        "subscription": row.provider_ref,
        "currency": row.currency.lower(),
        "amount": line.net_minor,
        "description": line.description,
        "metadata": {"tremplin": "overage"},
    }


def _waiting() -> list[ProviderEvent]:
    rows = ProviderEvent.objects.filter(provider=PROVIDER, kind=KIND, outcome=TO_SEND)
    return list(rows.order_by("id"))


def _send(event: ProviderEvent) -> int:
    if clock.now() - event.received_at > SENT_AGAIN_WITHIN:
        logger.error("%s was not confirmed in time: look for it at Stripe", event.event_id)
        return 0
    api().invoice_items.create(event.body, {"idempotency_key": event.event_id})
    with services.tenancy().public_write("overage"):
        return ProviderEvent.objects.filter(pk=event.pk, outcome=TO_SEND).update(outcome=SENT)
