"""The only writer of the money of sales: one fact, applied once, under the order's lock."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from tremplin.api.events import publish
from tremplin.billing.facts import (
    BillingFact,
    Dispute,
    PaymentFailed,
    PaymentSettled,
    Refunded,
)
from tremplin.billing.sales import papers, telling
from tremplin.billing.sales.events import OrderPaid, OrderRefunded
from tremplin.billing.sales.models import Fact, Order, Payment
from tremplin.kernel import audit, clock


def is_known(provider: str, event_id: str) -> bool:
    """Return whether a fact was applied before."""
    return Fact.objects.filter(provider=provider, event_id=event_id).exists()


@transaction.atomic
def apply(fact: BillingFact, *, reason: str = "") -> str:
    """Write what a fact says: ``applied``, ``duplicate``, ``older``, ``waiting`` or ``mismatch``.

    ``reason`` is printed on the credit note of a refund.
    """
    order = _order(fact)
    if order is None:
        return "waiting"
    order = Order.objects.select_for_update().get(pk=order.pk)
    if is_known(fact.provider, fact.event_id):
        return "duplicate"
    outcome = _write(fact, order, reason)
    if outcome != "waiting":
        Fact.objects.create(provider=fact.provider, event_id=fact.event_id, at=clock.now())
    return outcome


def _order(fact: BillingFact) -> Order | None:
    if fact.order is not None:
        return Order.objects.filter(pk=fact.order, provider=fact.provider).first()
    ref = getattr(fact, "payment_ref", "")
    found = Payment.objects.select_related("order").filter(provider=fact.provider, provider_ref=ref)
    payment = found.first()
    return payment.order if payment is not None else None


def _write(fact: BillingFact, order: Order, reason: str) -> str:
    if isinstance(fact, PaymentSettled):
        return _settled(fact, order)
    if isinstance(fact, PaymentFailed):
        return _failed(fact, order)
    payment = order.payments.filter(provider_ref=getattr(fact, "payment_ref", "")).first()
    if payment is None or payment.state != Payment.State.SETTLED:
        return "waiting"
    if isinstance(fact, Refunded):
        return _refunded(fact, order, payment, reason)
    if isinstance(fact, Dispute):
        return _disputed(fact, payment)
    return "mismatch"


def _settled(fact: PaymentSettled, order: Order) -> str:
    if (fact.currency, fact.amount_minor) != (order.currency, order.total_minor):
        return "mismatch"
    Payment.objects.update_or_create(
        provider=fact.provider,
        provider_ref=fact.payment_ref,
        defaults={
            "order": order,
            "state": Payment.State.SETTLED,
            "currency": fact.currency,
            "amount_minor": fact.amount_minor,
            "failure": "",
            "at": fact.occurred_at,
        },
    )
    if order.state in {Order.State.PAID, Order.State.REFUNDED}:
        return "older"
    order.state, order.paid_at, order.failure = Order.State.PAID, clock.now(), ""
    papers.issue(order, at=clock.now(), paid_at=fact.occurred_at)
    order.save()
    audit.record("sales.paid", target=f"order:{order.pk}", data={"total_minor": order.total_minor})
    publish(OrderPaid(**_facts_of(order)), aggregate=f"sales.order:{order.pk}")
    telling.paid(order)
    return "applied"


def _facts_of(order: Order) -> dict[str, Any]:
    return {
        "order": order.pk,
        "person": order.person,
        "kind": order.kind,
        "item": order.item,
        "currency": order.currency,
        "total_minor": order.total_minor,
    }


def _failed(fact: PaymentFailed, order: Order) -> str:
    if order.state != Order.State.OPEN:
        return "older"
    Payment.objects.get_or_create(
        provider=fact.provider,
        provider_ref=fact.payment_ref,
        defaults={
            "order": order,
            "state": Payment.State.FAILED,
            "currency": fact.currency,
            "amount_minor": fact.amount_minor,
            "failure": fact.failure[:60],
            "at": fact.occurred_at,
        },
    )
    order.failure = fact.failure[:60]
    order.save(update_fields=["failure"])
    return "applied"


def _refunded(fact: Refunded, order: Order, payment: Payment, reason: str) -> str:
    total = min(fact.refunded_minor, payment.amount_minor)
    if fact.currency != payment.currency:
        return "mismatch"
    if total <= payment.refunded_minor:
        return "older"
    given, payment.refunded_minor = total - payment.refunded_minor, total
    payment.save(update_fields=["refunded_minor"])
    papers.credit(order, reason=reason, at=clock.now())
    audit.record("sales.refunded", target=f"order:{order.pk}", data={"refunded_minor": total})
    telling.refunded(order, given)
    rows = order.payments.filter(state=Payment.State.SETTLED)
    if order.state == Order.State.PAID and all(r.refunded_minor == r.amount_minor for r in rows):
        order.state = Order.State.REFUNDED
        order.save(update_fields=["state"])
        publish(OrderRefunded(**_facts_of(order)), aggregate=f"sales.order:{order.pk}")
    return "applied"


def _disputed(fact: Dispute, payment: Payment) -> str:
    payment.disputed_minor = 0 if fact.outcome == "won" else fact.amount_minor
    payment.save(update_fields=["disputed_minor"])
    return "applied"
