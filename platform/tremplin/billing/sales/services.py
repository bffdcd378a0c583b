"""Writes of sales: place an order, pay it, give money back. Always in the seller's space."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction

from tremplin.billing.facts import PaymentFailed, PaymentSettled, Refunded
from tremplin.billing.lines import percent_of
from tremplin.billing.providers.base import Done, NextAction
from tremplin.billing.sales import projector
from tremplin.billing.sales.errors import BadItem, BadRefund, CannotSell, KeyUsed, UnknownCard
from tremplin.billing.sales.models import Order, Payment
from tremplin.kernel import audit, clock
from tremplin.kernel.current import tenant_required

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

CARDS = {"4242424242424242": "", "4000000000000002": "card_declined"}


@dataclass(frozen=True, slots=True)
class Item:
    """What is sold: ``net_minor`` before VAT, ``tax_rate`` in percent (0: the school is exempt).

    ``fee_percent`` is what the platform keeps of the total.
    """

    module: str
    key: str
    title: str
    currency: str
    net_minor: int
    tax_rate: Decimal = Decimal("0.00")
    fee_percent: Decimal = Decimal("0.00")


def place(person: UUID, item: Item, *, idempotency_key: UUID, provider: str = "") -> Order:
    """Order ``item`` for ``person``; the same key, or an open order of the same item, is that order.

    Raises ``BadItem``, ``CannotSell`` without a connected account, ``KeyUsed``.
    """
    if item.net_minor <= 0 or len(item.currency) != 3:
        raise BadItem
    slug = provider or default_provider(tenant_required())
    with transaction.atomic():
        known = Order.objects.filter(idempotency_key=idempotency_key).first()
        if known is not None:
            if (known.person, known.module, known.item) != (person, item.module, item.key):
                raise KeyUsed
            return known
        tax = percent_of(item.net_minor, item.tax_rate)
        total = item.net_minor + tax
        order, is_new = Order.objects.get_or_create(
            person=person,
            module=item.module,
            item=item.key,
            state=Order.State.OPEN,
            defaults={
                "title": item.title,
                "provider": slug,
                "idempotency_key": idempotency_key,
                "currency": item.currency,
                "net_minor": item.net_minor,
                "tax_minor": tax,
                "total_minor": total,
                "tax_rate": item.tax_rate,
                "fee_minor": percent_of(total, item.fee_percent),
                "created_at": clock.now(),
            },
        )
        if is_new:
            audit.record(
                "sales.order_placed", target=f"order:{order.pk}", data={"total_minor": total}
            )
    return order


def default_provider(tenant: TenantInfo) -> str:
    """Return how a school takes money: its Stripe account, or the simulated card in a demo.

    Raises ``CannotSell``.
    """
    from tremplin.billing.stripe import client, connected

    if not client.problems() and connected.account_id(tenant):
        return "stripe"
    if settings.MODE in {"demo", "test", "dev"}:
        return "sandbox"
    raise CannotSell


def pay_url(order: Order, *, success_url: str, cancel_url: str) -> NextAction:
    """Return what the person does to pay; nothing once it is paid."""
    if order.state != Order.State.OPEN:
        return Done()
    if order.provider == "stripe":
        from tremplin.billing.sales import direct

        return direct.start(order, success_url=success_url, cancel_url=cancel_url)
    return Done()


def submit_card(order: Order, number: str) -> str:
    """Pay with a simulated card, in a demo only; return ``settled`` or ``refused``.

    Raises ``UnknownCard``: other numbers are refused and never stored.
    """
    if order.provider != "sandbox" or settings.MODE not in {"demo", "test", "dev"}:
        raise CannotSell
    digits = number.replace(" ", "")
    if digits not in CARDS:
        raise UnknownCard
    failure = CARDS[digits]
    attempt = order.payments.count() + 1
    common = {
        "provider": "sandbox",
        "occurred_at": clock.now(),
        "order": order.pk,
        "currency": order.currency,
        "amount_minor": order.total_minor,
    }
    if failure:
        ref = f"{order.pk}:{attempt}"
        projector.apply(
            PaymentFailed(**common, event_id=f"failed:{ref}", payment_ref=ref, failure=failure)  # type: ignore[arg-type]
        )
        return "refused"
    projector.apply(
        PaymentSettled(**common, event_id=f"paid:{order.pk}", payment_ref=str(order.pk))  # type: ignore[arg-type]
    )
    return "settled"


def refund(payment: Payment, amount_minor: int, *, idempotency_key: UUID) -> Payment:
    """Give money back; the same key gives it once. Raises ``BadRefund``."""
    payment.refresh_from_db()
    if projector.is_known(payment.provider, f"refund:{idempotency_key}"):
        return payment
    left = payment.amount_minor - payment.refunded_minor
    if payment.state != Payment.State.SETTLED or not 0 < amount_minor <= left:
        raise BadRefund(left)
    total = payment.refunded_minor + amount_minor
    if payment.provider == "stripe":
        from tremplin.billing.sales import direct

        total = direct.refund(payment, amount_minor, idempotency_key)
    projector.apply(
        Refunded(
            provider=payment.provider,
            event_id=f"refund:{idempotency_key}",
            occurred_at=clock.now(),
            payment_ref=payment.provider_ref,
            currency=payment.currency,
            refunded_minor=total,
        )
    )
    payment.refresh_from_db()
    return payment
