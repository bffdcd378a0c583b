"""Stripe as a provider: its checkout page, its portal, its subscriptions and invoices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from tremplin.api import Problem
from tremplin.billing.facts import BillingFact, Refunded
from tremplin.billing.providers.base import (
    ChangeResult,
    CheckResult,
    NextAction,
    ProviderRef,
    Redirect,
    RefundResult,
)
from tremplin.kernel import clock

if TYPE_CHECKING:
    from tremplin.billing.models import BillingAccount, Invoice, Order, Payment, Subscription
    from tremplin.billing.models import Quote as QuoteRow


class StripeProvider:
    """Idle until a key is set; the calls are in ``tremplin.billing.stripe``."""

    slug = "stripe"
    label = "Stripe"
    capabilities: frozenset[str] = frozenset(
        {"checkout", "portal", "auto_renew", "refund", "connect", "proration"}
    )

    def is_configured(self) -> CheckResult:
        """Return whether a usable key is set; nothing is called."""
        from tremplin.billing.stripe.client import problems

        found = problems()
        return CheckResult(ok=not found, problems=found)

    def ensure_customer(self, account: BillingAccount) -> ProviderRef:
        """Return the customer of an account, made at the first call, brought up to date."""
        from tremplin.billing.stripe import catalogue

        return ProviderRef(self.slug, catalogue.customer(account))

    def start_checkout(
        self, order: Order, *, success_url: str, cancel_url: str, idempotency_key: str
    ) -> NextAction:
        """Open Stripe's page for an order. Metadata hold the order and the tenant, nobody's data."""
        from tremplin.billing.stripe import checkout

        url = checkout.open_page(
            order,
            success_url=success_url,
            cancel_url=cancel_url,
            idempotency_key=idempotency_key,
        )
        return Redirect(url)

    def change_subscription(
        self, sub: Subscription, change: QuoteRow, *, preview: bool, idempotency_key: str
    ) -> ChangeResult:
        """Change the items: more is charged at once, less counts from the next period.

        Raises ``PaymentRefused`` (nothing changed) and ``NotChangeable`` for a lower rhythm, which
        Stripe would start at once.
        """
        from tremplin.billing.stripe import changes

        if preview:
            return ChangeResult(body=changes.preview(sub, change))
        return ChangeResult(tuple(changes.apply(sub, change, idempotency_key)))

    def cancel(self, sub: Subscription, *, at_period_end: bool) -> None:
        """End a subscription there; what it says of itself afterwards is written at once."""
        from tremplin.billing.stripe import changes

        changes.cancel(sub, at_period_end=at_period_end)

    def undo_cancel(self, sub: Subscription) -> None:
        """Continue a subscription that was to end."""
        from tremplin.billing.stripe import changes

        changes.undo_cancel(sub)

    def portal_url(self, account: BillingAccount, return_url: str) -> str | None:
        """Return the address of the customer portal, valid for some minutes."""
        from tremplin.billing.stripe import catalogue
        from tremplin.billing.stripe.client import api

        page = api().billing_portal.sessions.create(
            {
                "customer": catalogue.customer(account),
                "return_url": return_url,
                "configuration": catalogue.portal_configuration(),
            }
        )
        return page.url

    def refund(self, payment: Payment, amount_minor: int, *, idempotency_key: str) -> RefundResult:
        """Give money back to the card; the same key gives it once."""
        from tremplin.billing.stripe.client import api

        api().refunds.create(
            {"payment_intent": payment.provider_ref, "amount": amount_minor},
            {"idempotency_key": f"refund:{idempotency_key}"},
        )
        charge = api().payment_intents.retrieve(payment.provider_ref, {"expand": ["latest_charge"]})
        body = charge.to_dict()["latest_charge"]
        return RefundResult(
            (
                Refunded(
                    provider=self.slug,
                    event_id=f"refund:{idempotency_key}",
                    occurred_at=clock.now(),
                    payment_ref=payment.provider_ref,
                    currency=payment.currency,
                    refunded_minor=body["amount_refunded"],
                ),
            )
        )

    def report_usage(self, batch: Sequence[dict[str, Any]]) -> None:
        """Refused: overage is invoiced by our engine, not metered by Stripe."""
        raise Problem(409, "not_metered", _("Stripe does not bill usage here."))

    def parse_webhook(self, request: HttpRequest) -> list[BillingFact]:
        """Webhooks come in through the mirror (``stripe.receivers``), which checks and stores them."""
        return []

    def reconcile(self, since: datetime) -> Iterable[BillingFact]:
        """Return the facts of the events since then that never reached us."""
        from tremplin.billing.stripe import pulling

        return pulling.facts_since(since)

    def collect(self, invoice: Invoice) -> Iterable[BillingFact]:
        """Stripe collects its invoices by itself."""
        return ()
