"""Writes of sales: place an order, pay it, give money back. Always in the seller's space."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from tremplin.billing.facts import PaymentFailed, PaymentSettled, Refunded
from tremplin.billing.lines import half_up, percent_of
from tremplin.billing.money import amount_text
from tremplin.billing.providers.base import Done, Instructions, NextAction
from tremplin.billing.sales import projector, sellers, telling
from tremplin.billing.sales.errors import (
    BadItem,
    BadRefund,
    CannotSell,
    KeyUsed,
    OrderClosed,
    UnknownCard,
)
from tremplin.billing.sales.models import Order, Payment
from tremplin.kernel import audit, clock
from tremplin.kernel.current import tenant_required

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

CONFIRM = "confirm"
CARDS = {
    "4242424242424242": "",
    "4000000000000002": "card_declined",
    "4000002500003155": CONFIRM,
}
# A page of Stripe lives 24 hours; an order by card is over before its page.
CARD_HOURS = 23


@dataclass(frozen=True, slots=True)
class Item:
    """What is sold: ``total_minor`` is what the person pays, all taxes included.

    ``tax_rate`` is in percent (0: ``tax_category`` and ``tax_reason`` say why); ``fee_percent`` is
    what the platform keeps of the total.
    """

    module: str
    key: str
    title: str
    currency: str
    total_minor: int
    tax_rate: Decimal = Decimal("0.00")
    tax_category: str = "S"
    tax_reason: str = ""
    kind: str = ""
    fee_percent: Decimal = Decimal("0.00")

    @property
    def net_minor(self) -> int:
        """Return the part before VAT, half-up: the VAT is the rest."""
        return half_up(Fraction(self.total_minor * 100) / (100 + Fraction(self.tax_rate)))


def place(
    person: UUID,
    item: Item,
    *,
    idempotency_key: UUID,
    provider: str = "",
    buyer: dict[str, Any] | None = None,
    locale: str = "fr",
) -> Order:
    """Order ``item`` for ``person``; the same key, or an open order of the same item, is that order.

    Raises ``BadItem``, ``CannotSell`` without a way to be paid, ``KeyUsed``.
    """
    if item.total_minor <= 0 or len(item.currency) != 3:
        raise BadItem
    slug = provider or default_provider(tenant_required())
    close_expired(person)
    with transaction.atomic():
        known = Order.objects.filter(idempotency_key=idempotency_key).first()
        if known is not None:
            if (known.person, known.module, known.item) != (person, item.module, item.key):
                raise KeyUsed
            return known
        order, is_new = Order.objects.get_or_create(
            person=person,
            module=item.module,
            item=item.key,
            state=Order.State.OPEN,
            defaults={
                "title": item.title[:160],
                "kind": item.kind,
                "provider": slug,
                "idempotency_key": idempotency_key,
                "currency": item.currency,
                "net_minor": item.net_minor,
                "tax_minor": item.total_minor - item.net_minor,
                "total_minor": item.total_minor,
                "tax_rate": item.tax_rate,
                "tax_category": item.tax_category,
                "tax_reason": item.tax_reason[:200],
                "fee_minor": percent_of(item.total_minor, item.fee_percent),
                "buyer": buyer or {},
                "locale": locale,
                "created_at": clock.now(),
                "expires_at": clock.now() + _patience(slug),
            },
        )
        if is_new:
            audit.record(
                "sales.order_placed",
                target=f"order:{order.pk}",
                data={"total_minor": order.total_minor},
            )
    return order


def _patience(provider: str) -> timedelta:
    if provider == "invoice":
        return timedelta(days=sellers.get().transfer_days)
    return timedelta(hours=CARD_HOURS)


def default_provider(tenant: TenantInfo) -> str:
    """Return how a school takes money when the buyer does not choose. Raises ``CannotSell``."""
    found = sellers.ways(tenant)
    if not found:
        raise CannotSell
    return found[0].slug


def close_expired(person: UUID | None = None) -> int:
    """Cancel the open orders whose time to pay is over; return how many. Late money still counts."""
    rows = Order.objects.filter(state=Order.State.OPEN, expires_at__lte=clock.now())
    if person is not None:
        rows = rows.filter(person=person)
    return rows.update(state=Order.State.CANCELED, failure="expired")


def cancel(order: Order) -> Order:
    """Give up an order that waits for its payment; one that is paid stays as it is."""
    with transaction.atomic():
        row = Order.objects.select_for_update().get(pk=order.pk)
        if row.state != Order.State.OPEN:
            return row
        row.state = Order.State.CANCELED
        row.save(update_fields=["state"])
        audit.record("sales.order_canceled", target=f"order:{row.pk}")
    if row.provider == "stripe" and row.provider_ref:
        from tremplin.billing.sales import direct

        direct.close(row)
    return row


def pay_url(order: Order, *, success_url: str, cancel_url: str) -> NextAction:
    """Return what the person does to pay; nothing once it is paid or given up."""
    if order.state != Order.State.OPEN:
        return Done()
    if order.provider == "stripe":
        from tremplin.billing.sales import direct

        return direct.start(order, success_url=success_url, cancel_url=cancel_url)
    if order.provider == "invoice":
        seller = sellers.get()
        rows = [
            (_("Amount"), amount_text(order.total_minor, order.currency)),
            (_("Reference"), order.reference),
            ("IBAN", seller.iban),
        ]
        if seller.bic:
            rows.append(("BIC", seller.bic))
        return Instructions(tuple(rows))
    return Done()


def _payable(order: Order) -> Order:
    """Return the row as it is now. Raises ``OrderClosed`` for one that was given up."""
    close_expired(order.person)
    row = Order.objects.get(pk=order.pk)
    if row.state == Order.State.CANCELED:
        raise OrderClosed
    return row


def submit_card(order: Order, number: str) -> str:
    """Pay with a simulated card, in a demo only: ``settled``, ``refused`` or ``confirm``.

    Raises ``UnknownCard`` (other numbers are refused and never stored) and ``OrderClosed``.
    """
    if order.provider != "sandbox" or settings.MODE not in sellers.SIMULATED:
        raise CannotSell
    digits = number.replace(" ", "")
    if digits not in CARDS:
        raise UnknownCard
    row = _payable(order)
    if CARDS[digits] == CONFIRM:
        Order.objects.filter(pk=row.pk, state=Order.State.OPEN).update(provider_ref=CONFIRM)
        return CONFIRM
    return _simulate(row, CARDS[digits])


def confirm(order: Order, accepted: bool) -> str:
    """Answer the bank's question about a simulated card: ``settled`` or ``refused``.

    Raises ``UnknownCard`` when no card was typed before, and ``OrderClosed``.
    """
    if order.provider != "sandbox" or settings.MODE not in sellers.SIMULATED:
        raise CannotSell
    row = _payable(order)
    if row.provider_ref != CONFIRM:
        raise UnknownCard
    Order.objects.filter(pk=row.pk).update(provider_ref="")
    return _simulate(row, "" if accepted else "authentication_failed")


def _simulate(order: Order, failure: str) -> str:
    common: dict[str, Any] = {
        "provider": "sandbox",
        "occurred_at": clock.now(),
        "order": order.pk,
        "currency": order.currency,
        "amount_minor": order.total_minor,
    }
    if failure:
        ref = f"{order.pk}:{order.payments.count() + 1}"
        projector.apply(
            PaymentFailed(**common, event_id=f"failed:{ref}", payment_ref=ref, failure=failure)
        )
        return "refused"
    projector.apply(
        PaymentSettled(**common, event_id=f"paid:{order.pk}", payment_ref=str(order.pk))
    )
    return "settled"


def mark_paid(order: Order, *, at: datetime, reference: str) -> str:
    """Say that the transfer of an order arrived; return what became of it (see the projector).

    A transfer that comes after the order was given up counts too: the money is there.
    """
    if order.provider != "invoice":
        raise CannotSell
    outcome = projector.apply(
        PaymentSettled(
            provider="invoice",
            event_id=f"paid:{order.pk}",
            occurred_at=at,
            order=order.pk,
            payment_ref=f"transfer:{order.pk}",
            currency=order.currency,
            amount_minor=order.total_minor,
        )
    )
    audit.record(
        "sales.marked_paid",
        target=f"order:{order.pk}",
        data={"outcome": outcome, "reference": reference[:120]},
    )
    return outcome


def refund(
    payment: Payment, amount_minor: int, *, idempotency_key: UUID, reason: str = ""
) -> Payment:
    """Give money back, with its credit note; the same key gives it once. Raises ``BadRefund``."""
    if payment.provider == "stripe":
        return _refund_at_stripe(payment, amount_minor, idempotency_key, reason)
    with transaction.atomic():
        # The order first, as the projector does: two refunds at once wait for each other.
        Order.objects.select_for_update().get(pk=payment.order_id)
        payment.refresh_from_db()
        if not projector.is_known(payment.provider, f"refund:{idempotency_key}"):
            _check_refund(payment, amount_minor)
            _given_back(payment, payment.refunded_minor + amount_minor, idempotency_key, reason)
    payment.refresh_from_db()
    return payment


def _refund_at_stripe(payment: Payment, amount_minor: int, key: UUID, reason: str) -> Payment:
    from tremplin.billing.sales import direct

    payment.refresh_from_db()
    if projector.is_known(payment.provider, f"refund:{key}"):
        return payment
    _check_refund(payment, amount_minor)
    total = direct.refund(payment, amount_minor, key)
    _given_back(payment, total, key, reason)
    payment.refresh_from_db()
    return payment


def _check_refund(payment: Payment, amount_minor: int) -> None:
    left = payment.amount_minor - payment.refunded_minor
    if payment.state != Payment.State.SETTLED or not 0 < amount_minor <= left:
        raise BadRefund(left, amount_text(left, payment.currency))


def _given_back(payment: Payment, total: int, key: UUID, reason: str) -> None:
    fact = Refunded(
        provider=payment.provider,
        event_id=f"refund:{key}",
        occurred_at=clock.now(),
        payment_ref=payment.provider_ref,
        currency=payment.currency,
        refunded_minor=total,
    )
    projector.apply(fact, reason=reason)


@transaction.atomic
def deliver(order: Order) -> Order:
    """Say that the service of a paid order is done, once; the buyer is told."""
    row = Order.objects.select_for_update().get(pk=order.pk)
    if row.state != Order.State.PAID or row.delivered_at is not None:
        return row
    row.delivered_at = clock.now()
    row.save(update_fields=["delivered_at"])
    audit.record("sales.delivered", target=f"order:{row.pk}")
    telling.delivered(row)
    return row
