"""A simulated card for the demo and tests: in process, no money moves, no number is kept.

Four numbers are known; any other is refused and never stored, not even its last digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy

from tremplin.api import services
from tremplin.billing import accounts, projector
from tremplin.billing.facts import BillingFact, PaymentFailed, PaymentSettled
from tremplin.billing.models import BillingAccount, Invoice, Order, PaymentMethod, ProviderEvent
from tremplin.billing.providers.base import CheckResult, EngineProvider, NextAction, Redirect
from tremplin.kernel import clock

if TYPE_CHECKING:
    from datetime import datetime

Answer = Literal["settled", "refused", "confirm", "unknown_card"]
GOOD = "4242424242424242"
DECLINED = "4000000000000002"
CONFIRM = "4000002500003155"
FAILS_LATER = "4000000000000341"
CARDS = frozenset({GOOD, DECLINED, CONFIRM, FAILS_LATER})
MODES = frozenset({"demo", "dev", "test"})


class SandboxProvider(EngineProvider):
    """Our engine with a local card page marked as a test."""

    slug = "sandbox"
    label = gettext_lazy("Test card (no money moves)")  # type: ignore[assignment]
    capabilities = EngineProvider.capabilities | {"checkout"}

    def is_configured(self) -> CheckResult:
        """Only outside production: nothing here is a payment."""
        if settings.MODE in MODES:
            return CheckResult(ok=True)
        return CheckResult(ok=False, problems=("the test card exists in demo and tests only",))

    def start_checkout(
        self, order: Order, *, success_url: str, cancel_url: str, idempotency_key: str
    ) -> NextAction:
        """Lead to the card page of this order."""
        return Redirect(reverse("billing:sandbox", kwargs={"order": order.pk}))

    def collect(self, invoice: Invoice) -> Iterable[BillingFact]:
        """Charge the card kept for the account; without one the attempt fails."""
        amount = invoice.total_minor - invoice.paid_minor - invoice.credited_minor
        ref = f"charge:{invoice.pk}:{_attempts(invoice)}"
        return [_charge(invoice.account, amount, invoice.currency, ref, invoice=invoice)]

    def collect_order(self, order: Order) -> BillingFact:
        """Charge the kept card for a change of subscription, without the person."""
        ref = f"change:{order.pk}"
        return _charge(order.account, order.total_minor, order.currency, ref, order=order)


def digits(number: str) -> str:
    """Return a typed number without its spaces and dashes."""
    return "".join(character for character in number if character.isdigit())


def submit_card(order: Order, number: str) -> Answer:
    """Pay an order with a test card and return what happened.

    ``settled`` when the money is there (or was already), ``refused``, ``confirm`` when the person
    must confirm first (``confirm``), ``unknown_card`` for a number that is none of the four.
    """
    typed = digits(number)
    if typed not in CARDS:
        return "unknown_card"
    if order.state == Order.State.PAID:
        return "settled"
    if typed == CONFIRM:
        return "confirm"
    return _pay(order, typed, is_accepted=typed != DECLINED)


def confirm(order: Order, accepted: bool) -> Answer:
    """Finish the confirmation step of the card 3155."""
    if order.state == Order.State.PAID:
        return "settled"
    return _pay(order, CONFIRM, is_accepted=accepted)


def _pay(order: Order, number: str, *, is_accepted: bool) -> Answer:
    # One settled payment per order whatever the number of clicks; each refusal is its own attempt.
    now = clock.now()
    fact: BillingFact
    if is_accepted:
        _keep(order.account, number)
        fact = PaymentSettled(
            provider="sandbox",
            event_id=f"paid:{order.pk}",
            occurred_at=now,
            order=order.pk,
            payment_ref=f"order:{order.pk}",
            currency=order.currency,
            amount_minor=order.total_minor,
            method=f"•••• {number[-4:]}",
        )
    else:
        count = ProviderEvent.objects.filter(
            provider="sandbox", kind="PaymentFailed", body__order=str(order.pk)
        ).count()
        fact = PaymentFailed(
            provider="sandbox",
            event_id=f"refused:{order.pk}:{count + 1}",
            occurred_at=now,
            order=order.pk,
            payment_ref=f"order:{order.pk}:refused:{count + 1}",
            currency=order.currency,
            amount_minor=order.total_minor,
            failure="card_declined",
            method=f"•••• {number[-4:]}",
        )
    projector.receive(fact)
    projector.apply(fact)
    order.refresh_from_db()
    return "settled" if is_accepted else "refused"


def _keep(account: BillingAccount, number: str) -> None:
    """Keep an accepted test card as the account's means of payment: its last four digits."""
    with transaction.atomic(), services.tenancy().public_write("payment method"):
        accounts.lock(account)
        PaymentMethod.objects.filter(account=account, is_default=True).update(is_default=False)
        PaymentMethod.objects.update_or_create(
            provider="sandbox",
            provider_ref=f"{account.pk}:{number[-4:]}",
            defaults={
                "account": account,
                "label": f"Test •••• {number[-4:]}",
                "last4": number[-4:],
                "expires": "12/2034",
                "is_default": True,
            },
        )


def replace_card(account: BillingAccount, number: str) -> Answer:
    """Keep another test card for renewals: ``settled`` when it is kept."""
    typed = digits(number)
    if typed not in CARDS:
        return "unknown_card"
    if typed == DECLINED:
        return "refused"
    _keep(account, typed)
    return "settled"


def _attempts(invoice: Invoice) -> int:
    return invoice.payments.filter(state="failed").count() + 1


def _charge(
    account: BillingAccount,
    amount: int,
    currency: str,
    ref: str,
    *,
    invoice: Invoice | None = None,
    order: Order | None = None,
) -> BillingFact:
    method = account.methods.filter(provider="sandbox", is_default=True).first()
    now: datetime = clock.now()
    subject = {"order": order.pk if order else None, "invoice": invoice.pk if invoice else None}
    if method is None or method.last4 == FAILS_LATER[-4:]:
        return PaymentFailed(
            provider="sandbox",
            event_id=ref,
            occurred_at=now,
            payment_ref=ref,
            currency=currency,
            amount_minor=amount,
            failure="no_method" if method is None else "card_declined",
            method=method.label if method else "",
            **subject,
        )
    return PaymentSettled(
        provider="sandbox",
        event_id=ref,
        occurred_at=now,
        payment_ref=ref,
        currency=currency,
        amount_minor=amount,
        method=method.label,
        **subject,
    )
