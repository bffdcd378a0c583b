"""Taking money that is due from a kept means of payment: after the commit, one attempt per stage."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from tremplin.api import services
from tremplin.billing import accounts, projector
from tremplin.billing.errors import NotFound, PaymentRefused
from tremplin.billing.facts import PaymentFailed
from tremplin.billing.lateness import collects_itself
from tremplin.billing.models import Invoice, Order, Payment
from tremplin.billing.orders import open_minor
from tremplin.billing.providers import get

# After the first refusal, the days at which the same card is tried again.
RETRIES = (1, 7, 14)


def collect_due(at: datetime) -> int:
    """Try every open invoice whose next attempt is due; return how many were paid."""
    rows = Invoice.objects.filter(
        state=Invoice.State.OPEN, kind=Invoice.Kind.INVOICE, subscription__isnull=False
    ).select_related("account")
    paid = 0
    for invoice in rows.order_by("finalised_at", "id"):
        provider = get(invoice.provider)
        if "engine" not in provider.capabilities or not collects_itself(invoice.provider):
            continue
        if _is_due(invoice, at) and retry(invoice):
            paid += 1
    return paid


def _is_due(invoice: Invoice, at: datetime) -> bool:
    tries = list(
        invoice.payments.filter(state=Payment.State.FAILED)
        .order_by("at")
        .values_list("at", flat=True)
    )
    if not tries:
        return True
    if len(tries) > len(RETRIES):
        return False
    return at >= tries[0] + timedelta(days=RETRIES[len(tries) - 1])


def retry(invoice: Invoice) -> bool:
    """Charge the kept means of payment for an open invoice now; return whether it is paid.

    Raises ``NotFound`` for an invoice that is not open.
    """
    invoice.refresh_from_db()
    if invoice.state != Invoice.State.OPEN or open_minor(invoice) == 0:
        raise NotFound
    for fact in get(invoice.provider).collect(invoice):
        projector.receive(fact)
        projector.apply(fact)
    invoice.refresh_from_db()
    return invoice.state == Invoice.State.PAID


def collect_order(order: Order) -> None:
    """Charge the kept means of payment for a change. Raises ``PaymentRefused``: nothing changed."""
    provider = get(order.provider)
    fact = provider.collect_order(order)  # type: ignore[attr-defined]
    projector.receive(fact)
    projector.apply(fact)
    if isinstance(fact, PaymentFailed):
        with transaction.atomic(), services.tenancy().public_write("order"):
            accounts.lock(order.account)
            order.refresh_from_db()
            if order.state == Order.State.OPEN:
                order.state = Order.State.FAILED
                order.save(update_fields=["state"])
        raise PaymentRefused(fact.failure)
