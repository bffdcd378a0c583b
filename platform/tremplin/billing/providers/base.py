"""The port of billing providers (entry points ``tremplin.billing.v1``): they collect and report.

A provider never writes our tables: it returns facts, and the projector writes. Providers with the
capability ``engine`` let our engine renew, prorate and remind; they only collect one invoice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from django.http import HttpRequest

from tremplin.billing.facts import BillingFact

if TYPE_CHECKING:
    from tremplin.billing.models import BillingAccount, Invoice, Order, Payment, Subscription
    from tremplin.billing.models import Quote as QuoteRow


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether a provider can be used, and what is missing if not."""

    ok: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderRef:
    """The provider's name for one of our rows."""

    provider: str
    ref: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the person to ``url`` to pay."""

    url: str


@dataclass(frozen=True, slots=True)
class Instructions:
    """Tell the person how to pay: bank details and reference, by label."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing to do: it is paid or costs nothing."""


NextAction: TypeAlias = Redirect | Instructions | Done


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """What a change of subscription did: facts to project and what the person does next."""

    facts: tuple[BillingFact, ...] = ()
    action: NextAction = field(default_factory=Done)
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefundResult:
    """What a refund did."""

    facts: tuple[BillingFact, ...]


class BillingProvider(Protocol):
    """What a provider offers; ``capabilities`` among checkout, portal, auto_renew, refund,
    usage_report, connect, proration, engine.
    """

    slug: str
    label: str
    capabilities: frozenset[str]

    def is_configured(self) -> CheckResult: ...
    def ensure_customer(self, account: BillingAccount) -> ProviderRef: ...
    def start_checkout(
        self, order: Order, *, success_url: str, cancel_url: str, idempotency_key: str
    ) -> NextAction: ...
    def change_subscription(
        self, sub: Subscription, change: QuoteRow, *, preview: bool, idempotency_key: str
    ) -> ChangeResult: ...
    def cancel(self, sub: Subscription, *, at_period_end: bool) -> None: ...
    def undo_cancel(self, sub: Subscription) -> None: ...
    def portal_url(self, account: BillingAccount, return_url: str) -> str | None: ...
    def refund(
        self, payment: Payment, amount_minor: int, *, idempotency_key: str
    ) -> RefundResult: ...
    def report_usage(self, batch: Sequence[dict[str, Any]]) -> None: ...
    def parse_webhook(self, request: HttpRequest) -> list[BillingFact]: ...
    def reconcile(self, since: datetime) -> Iterable[BillingFact]: ...
    def collect(self, invoice: Invoice) -> Iterable[BillingFact]: ...


class EngineProvider:
    """What the providers of our own engine share: no network, no customer elsewhere."""

    slug = ""
    label = ""
    capabilities: frozenset[str] = frozenset({"engine", "auto_renew", "proration", "refund"})

    def is_configured(self) -> CheckResult:
        return CheckResult(ok=True)

    def ensure_customer(self, account: BillingAccount) -> ProviderRef:
        return ProviderRef(self.slug, str(account.pk))

    def change_subscription(
        self, sub: Subscription, change: QuoteRow, *, preview: bool, idempotency_key: str
    ) -> ChangeResult:
        """The engine prorates by itself: the quote already says everything."""
        return ChangeResult(body=change.body)

    def cancel(self, sub: Subscription, *, at_period_end: bool) -> None:
        """Nothing is kept elsewhere."""

    def undo_cancel(self, sub: Subscription) -> None:
        """Nothing is kept elsewhere."""

    def portal_url(self, account: BillingAccount, return_url: str) -> str | None:
        return None

    def refund(self, payment: Payment, amount_minor: int, *, idempotency_key: str) -> RefundResult:
        """Report the money given back; the transfer itself is the platform's to make."""
        from tremplin.billing.facts import Refunded
        from tremplin.kernel import clock

        return RefundResult(
            (
                Refunded(
                    provider=self.slug,
                    event_id=f"refund:{idempotency_key}",
                    occurred_at=clock.now(),
                    payment_ref=payment.provider_ref,
                    currency=payment.currency,
                    refunded_minor=payment.refunded_minor + amount_minor,
                ),
            )
        )

    def report_usage(self, batch: Sequence[dict[str, Any]]) -> None:
        """Usage is billed by the engine from our own meters."""

    def parse_webhook(self, request: HttpRequest) -> list[BillingFact]:
        """Nobody calls us."""
        return []

    def reconcile(self, since: datetime) -> Iterable[BillingFact]:
        """What was reported since and not written yet."""
        from tremplin.billing import facts
        from tremplin.billing.models import ProviderEvent

        rows = ProviderEvent.objects.filter(
            provider=self.slug, outcome="", received_at__gte=since
        ).order_by("id")
        return [facts.from_json(row.body) for row in rows]

    def collect(self, invoice: Invoice) -> Iterable[BillingFact]:
        """Nothing can be taken without the customer."""
        return ()
