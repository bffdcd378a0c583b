"""The only writer of payments and of what they change: it turns facts into rows, once each.

Facts come in any order, several times, and from several processes at once. The account's lock is
always taken first, the fact is stored under its unique id in the same transaction as its effects,
and what a fact cannot find yet waits for the fact that brings it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Q

from tenants import registry
from tenants.context import use
from tremplin.api import services
from tremplin.api.events import publish
from tremplin.billing import accounts, facts, fulfilment, lateness, ledger, refunds
from tremplin.billing import subscription_facts as mirrored
from tremplin.billing.errors import AlreadySubscribed
from tremplin.billing.events import InvoicePaid
from tremplin.billing.facts import (
    BillingFact,
    Dispute,
    InvoiceState,
    PaymentFailed,
    PaymentSettled,
    Refunded,
    SubscriptionState,
)
from tremplin.billing.models import (
    BillingAccount,
    Coupon,
    Invoice,
    Order,
    Payment,
    ProviderEvent,
    Subscription,
)
from tremplin.kernel import clock

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

logger = logging.getLogger(__name__)
# Outcomes after which the fact has nothing more to say.
PENDING = ("", "waiting")


def receive(fact: BillingFact) -> bool:
    """Store a fact for later, by itself; return whether it was new. A crash afterwards loses nothing.

    ``apply`` does its work; the reconciliation applies what was left.
    """
    with transaction.atomic(), services.tenancy().public_write("billing fact"):
        _, is_new = ProviderEvent.objects.get_or_create(
            provider=fact.provider, event_id=fact.event_id, defaults=_defaults(fact)
        )
    return is_new


def is_known(provider: str, event_id: str) -> bool:
    """Return whether a fact was applied before."""
    found = ProviderEvent.objects.filter(provider=provider, event_id=event_id)
    return found.exclude(outcome__in=PENDING).exists()


def apply(fact: BillingFact, *, reason: str = "") -> str:
    """Write what a fact says, and return what was done.

    ``applied``, ``duplicate`` (known already), ``older`` (what is stored is newer), ``waiting``
    (the thing it is about is not known yet), ``mismatch`` (the amount or the currency is not that
    of the order), ``to_refund`` (paid for something that cannot be given any more).
    """
    try:
        outcome = _apply(fact, reason)
    except Exception as error:
        _note_error(fact, error)
        raise
    if outcome == "applied":
        _replay(fact)
    return outcome


def _apply(fact: BillingFact, reason: str) -> str:
    with transaction.atomic(), services.tenancy().public_write("billing fact"):
        account = _account(fact)
        if account is not None:
            accounts.lock(account)
        ProviderEvent.objects.get_or_create(
            provider=fact.provider, event_id=fact.event_id, defaults=_defaults(fact)
        )
        event = ProviderEvent.objects.select_for_update().get(
            provider=fact.provider, event_id=fact.event_id
        )
        if event.outcome not in PENDING:
            return "duplicate"
        outcome = "waiting" if account is None else _write(fact, reason)
        event.outcome, event.error = outcome, ""
        event.save(update_fields=["outcome", "error"])
    return outcome


def _defaults(fact: BillingFact) -> dict[str, Any]:
    return {
        "kind": type(fact).__name__,
        "occurred_at": fact.occurred_at,
        "received_at": clock.now(),
        "body": facts.to_json(fact),
    }


def _note_error(fact: BillingFact, error: Exception) -> None:
    """Keep what went wrong for the operator; the fact itself will be tried again."""
    logger.warning("a billing fact was not applied", exc_info=error)
    from django.db import DatabaseError, connection

    if connection.in_atomic_block:
        return
    try:
        with services.tenancy().public_write("billing fact"):
            ProviderEvent.objects.filter(
                provider=fact.provider, event_id=fact.event_id, outcome__in=PENDING
            ).update(error=f"{type(error).__name__}: {error}"[:300])
    except DatabaseError:
        logger.warning("the database does not answer: the fact stays unapplied")


def _replay(fact: BillingFact) -> None:
    """Apply the facts that waited for what this one brought, and those that waited for them.

    A payment waits for its invoice, which itself waits for its subscription.
    """
    about = Q()
    for key in ("payment_ref", "subscription_ref", "invoice_ref"):
        value = getattr(fact, key, "")
        if value:
            about |= Q(**{f"body__{key}": value})
    if not about:
        return
    rows = ProviderEvent.objects.filter(about, provider=fact.provider, outcome="waiting")
    for row in rows.order_by("occurred_at", "id"):
        waited = facts.from_json(row.body)
        if _apply(waited, "") == "applied":
            _replay(waited)


# --- what a fact is about -----------------------------------------------------------------------


def _account(fact: BillingFact) -> BillingAccount | None:
    found = _invoice(fact) or mirrored.find(fact) or _order(fact) or _payment(fact)
    return found.account if found is not None else None


def _invoice(fact: BillingFact) -> Invoice | None:
    if fact.invoice is not None:
        return Invoice.objects.select_related("account").filter(pk=fact.invoice).first()
    if fact.invoice_ref:
        return (
            Invoice.objects.select_related("account")
            .filter(provider=fact.provider, provider_ref=fact.invoice_ref)
            .first()
        )
    return None


def _order(fact: BillingFact) -> Order | None:
    if fact.order is None:
        return None
    return Order.objects.select_related("account", "coupon").filter(pk=fact.order).first()


def _payment(fact: BillingFact) -> Payment | None:
    ref = getattr(fact, "payment_ref", "")
    if not ref:
        return None
    return (
        Payment.objects.select_related("account", "invoice")
        .filter(provider=fact.provider, provider_ref=ref)
        .first()
    )


def _write(fact: BillingFact, reason: str) -> str:
    if isinstance(fact, PaymentSettled):
        return _settled(fact)
    if isinstance(fact, PaymentFailed):
        return _failed(fact)
    if isinstance(fact, Refunded):
        payment = _payment(fact)
        return "waiting" if payment is None else refunds.refunded(fact, payment, reason)
    if isinstance(fact, Dispute):
        payment = _payment(fact)
        return "waiting" if payment is None else refunds.disputed(fact, payment)
    if isinstance(fact, SubscriptionState):
        return mirrored.subscription(fact, _order(fact))
    assert isinstance(fact, InvoiceState)  # noqa: S101  the union has six members
    return mirrored.invoice(fact, _invoice(fact), _order(fact))


# --- payments -----------------------------------------------------------------------------------


def _settled(fact: PaymentSettled) -> str:
    if fact.amount_minor <= 0:
        return "mismatch"
    payment = _payment(fact)
    if payment is not None and payment.state == Payment.State.SETTLED:
        return "older"
    invoice, order = _invoice(fact), _order(fact)
    target = invoice or order
    if target is None:
        return "waiting"
    tenant = registry.by_pk(target.tenant_id)
    if tenant is None:
        return "waiting"
    outcome = "applied"
    if invoice is None and order is not None:
        invoice = order.invoices.first()
    currency = invoice.currency if invoice is not None else target.currency
    if fact.currency != currency:
        outcome = "mismatch"
    elif invoice is None and order is not None:
        invoice, outcome = _given(tenant, order, fact)
    payment = _keep_payment(fact, payment, target.account, invoice, order, Payment.State.SETTLED)
    if invoice is not None and outcome == "applied":
        _allocate(tenant, invoice, payment)
    return outcome


def _given(tenant: TenantInfo, order: Order, fact: PaymentSettled) -> tuple[Invoice | None, str]:
    """Give what was ordered, even when the order had expired: the money is there."""
    if fact.amount_minor != order.total_minor:
        return None, "mismatch"
    if order.state == Order.State.PAID:
        return None, "to_refund"
    if order.state != Order.State.OPEN and order.coupon is not None:
        # Its use was given back when the order closed.
        Coupon.objects.filter(pk=order.coupon.pk).update(redeemed=F("redeemed") + 1)
    from tremplin.billing.quotes import refuse_twice

    if not order.body.get("subscription"):
        try:
            for item in order.body["items"]:
                refuse_twice(tenant, item["module"])
        except AlreadySubscribed:
            return None, "to_refund"
    elif mirrored.is_over(order.body["subscription"]):
        return None, "to_refund"
    invoice = fulfilment.fulfil(tenant, order)
    if invoice is None:
        order.state, order.settled_at = Order.State.PAID, clock.now()
        order.save(update_fields=["state", "settled_at"])
    return invoice, "applied"


def _keep_payment(
    fact: PaymentSettled | PaymentFailed,
    payment: Payment | None,
    account: BillingAccount,
    invoice: Invoice | None,
    order: Order | None,
    state: str,
) -> Payment:
    row = payment or Payment(provider=fact.provider, provider_ref=fact.payment_ref)
    row.account, row.invoice = account, invoice
    row.order = order or (invoice.order if invoice is not None else None)
    row.state, row.at = state, fact.occurred_at
    row.currency, row.amount_minor = fact.currency, fact.amount_minor
    row.method = fact.method
    row.failure = fact.failure if isinstance(fact, PaymentFailed) else ""
    row.save()
    return row


def _allocate(tenant: TenantInfo, invoice: Invoice, payment: Payment) -> None:
    """Count a payment on its invoice and let the licences follow."""
    was_done = invoice.paid_minor + invoice.credited_minor >= invoice.total_minor
    invoice.paid_minor += payment.amount_minor
    is_done = invoice.paid_minor + invoice.credited_minor >= invoice.total_minor
    if is_done and invoice.state == Invoice.State.OPEN:
        invoice.state, invoice.paid_at = Invoice.State.PAID, clock.now()
    invoice.save(update_fields=["paid_minor", "state", "paid_at"])
    ledger.post_payment(payment)
    if was_done or not is_done:
        return
    if invoice.order is not None and invoice.order.state != Order.State.PAID:
        invoice.order.state, invoice.order.settled_at = Order.State.PAID, clock.now()
        invoice.order.save(update_fields=["state", "settled_at"])
    if invoice.subscription_id is not None:
        _restored(tenant, invoice)
    with use(tenant):
        publish(
            InvoicePaid(
                invoice=invoice.pk,
                number=invoice.number,
                currency=invoice.currency,
                total_minor=invoice.total_minor,
            ),
            aggregate=f"invoice:{invoice.pk}",
        )


def _restored(tenant: TenantInfo, invoice: Invoice) -> None:
    subscription = Subscription.objects.select_for_update().get(pk=invoice.subscription_id)
    ends = [line.period_end for line in invoice.lines.all() if line.period_end is not None]
    latest = max(ends, default=None)
    if latest is not None and (subscription.paid_until is None or latest > subscription.paid_until):
        subscription.paid_until = latest
        subscription.save(update_fields=["paid_until"])
    was_suspended = lateness.state_of(subscription) == Subscription.State.SUSPENDED
    lateness.refresh(tenant, subscription)
    now = clock.now()
    if was_suspended and subscription.unpaid_since is None and subscription.period_end <= now:
        from tremplin.billing import engine

        engine.resume(tenant, subscription, now)


def _failed(fact: PaymentFailed) -> str:
    payment = _payment(fact)
    if payment is not None and payment.state != Payment.State.PENDING:
        return "older"
    invoice, order = _invoice(fact), _order(fact)
    target = invoice or order
    if target is None:
        return "waiting"
    if fact.amount_minor > 0:
        _keep_payment(fact, payment, target.account, invoice, order, Payment.State.FAILED)
    if order is not None and order.state == Order.State.OPEN:
        order.failure = fact.failure[:60]
        order.save(update_fields=["failure"])
    tenant = registry.by_pk(target.tenant_id)
    if tenant is not None and invoice is not None and invoice.subscription is not None:
        lateness.refresh(tenant, invoice.subscription)
    return "applied"
