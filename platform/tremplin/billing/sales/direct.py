"""Direct charges on the school's own Stripe account, with the platform's fee."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tremplin.billing.facts import BillingFact, Dispute, Refunded
from tremplin.billing.providers.base import Redirect
from tremplin.billing.sales.errors import CannotSell, ProviderSilent
from tremplin.billing.stripe import connected, reading
from tremplin.billing.stripe.client import api
from tremplin.kernel.current import tenant_required

if TYPE_CHECKING:
    from stripe.checkout import Session

    from tremplin.billing.sales.models import Order, Payment

logger = logging.getLogger(__name__)


def account() -> str:
    """Return the Stripe account of the current space. Raises ``CannotSell``."""
    found = connected.account_id(tenant_required())
    if not found:
        raise CannotSell
    return found


def start(order: Order, *, success_url: str, cancel_url: str) -> Redirect:
    """Open Stripe's page on the school's account; metadata hold the order, nobody's data."""
    intent: dict[str, Any] = {"metadata": {"order": str(order.pk)}}
    if order.fee_minor:
        intent["application_fee_amount"] = order.fee_minor
    with _answering():
        page = _open(order, intent, success_url, cancel_url)
    if page.url is None:
        raise CannotSell
    type(order).objects.filter(pk=order.pk).update(provider_ref=page.id)
    return Redirect(page.url)


@contextmanager
def _answering() -> Iterator[None]:
    """Turn a refusal or a silence of Stripe into words. Raises ``ProviderSilent``."""
    import stripe

    try:
        yield
    except stripe.StripeError as error:
        logger.warning("Stripe refused a sale: %s", error.code or type(error).__name__)
        raise ProviderSilent from error


def _open(order: Order, intent: dict[str, Any], success_url: str, cancel_url: str) -> Session:
    return api().checkout.sessions.create(
        {
            "mode": "payment",
            "success_url": success_url,
            "cancel_url": cancel_url,
            "metadata": {"order": str(order.pk)},
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": order.currency.lower(),
                        "unit_amount": order.total_minor,
                        "tax_behavior": "inclusive",
                        "product_data": {"name": order.title},
                    },
                }
            ],
            "payment_intent_data": intent,  # type: ignore[typeddict-item]
        },
        {"stripe_account": account(), "idempotency_key": f"sale:{order.pk}"},
    )


def close(order: Order) -> None:
    """Close Stripe's page of an order that was given up; a page that is over stays so."""
    import stripe

    owner = connected.account_id(tenant_required())
    if not owner:
        return
    try:
        api().checkout.sessions.expire(order.provider_ref, {}, {"stripe_account": owner})
    except stripe.StripeError as error:
        # Paid meanwhile or over already: the fact of the payment decides, when it comes.
        logger.info("the page of order %s was not closed: %s", order.pk, error.code)


def refund(payment: Payment, amount_minor: int, key: UUID) -> int:
    """Give money back, with the platform's part of the fee; return the total given so far."""
    options: Any = {"stripe_account": account()}
    with _answering():
        api().refunds.create(
            {
                "payment_intent": payment.provider_ref,
                "amount": amount_minor,
                "refund_application_fee": payment.order.fee_minor > 0,
            },
            {**options, "idempotency_key": f"refund:{key}"},
        )
        found = api().payment_intents.retrieve(
            payment.provider_ref, {"expand": ["latest_charge"]}, options
        )
    return int(found.to_dict()["latest_charge"]["amount_refunded"])


def facts_of(kind: str, key: str, owner: str) -> Iterator[BillingFact]:
    """Read an object of the school's account again and return what it says."""
    options: Any = {"stripe_account": owner}
    if kind == "checkout.session.completed":
        found = api().checkout.sessions.retrieve(key, {"expand": ["payment_intent"]}, options)
        body = found.to_dict()
        order = reading.as_uuid((body.get("metadata") or {}).get("order"))
        if isinstance(body.get("payment_intent"), dict) and order is not None:
            stamp = reading.Stamp.of(key, body["created"])
            yield from reading.payment_facts(body["payment_intent"], stamp, order=order)
    elif kind == "charge.refunded":
        charge = api().charges.retrieve(key, {}, options).to_dict()
        stamp = reading.Stamp.of(f"{key}:{charge['amount_refunded']}", charge["created"])
        yield Refunded(
            **stamp.of_kind("Refunded"),
            payment_ref=str(charge["payment_intent"]),
            currency=charge["currency"].upper(),
            refunded_minor=charge["amount_refunded"],
        )
    elif kind.startswith("charge.dispute."):
        dispute = api().disputes.retrieve(key, {}, options).to_dict()
        closed = dispute["status"] in {"won", "lost"}
        stamp = reading.Stamp.of(f"{key}:{dispute['status']}", dispute["created"])
        yield Dispute(
            **stamp.of_kind("Dispute"),
            payment_ref=str(dispute["payment_intent"]),
            currency=dispute["currency"].upper(),
            amount_minor=dispute["amount"],
            outcome=dispute["status"] if closed else "opened",
        )
