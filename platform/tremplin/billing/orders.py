"""Orders: one open order per thing, the same key gives the same order, money confirms it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from tenants import registry
from tenants.context import use
from tremplin.api import services
from tremplin.billing import accounts, coupons, fulfilment, projector
from tremplin.billing.errors import (
    AlreadySubscribed,
    BadAmount,
    KeyReused,
    NotFound,
    ProviderMissing,
    QuoteExpired,
)
from tremplin.billing.facts import PaymentSettled
from tremplin.billing.invoicing import parties
from tremplin.billing.issuing import issuer_of
from tremplin.billing.models import Coupon, Invoice, Order, Payment, Quote
from tremplin.billing.providers import get
from tremplin.billing.providers.base import BillingProvider, Done, NextAction
from tremplin.kernel import audit, clock

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

PAGE_OPEN = timedelta(hours=24)
REFERENCE = 80


def place(
    tenant: TenantInfo,
    quote: Quote,
    *,
    by: UUID | None,
    idempotency_key: UUID,
    provider_slug: str | None = None,
) -> Order:
    """Turn a quote into an order (see ``services.place_order``).

    What needs no payment page (a transfer, nothing to pay now) is given at once.
    """
    if quote.tenant_id != tenant.pk or quote.kind != "purchase":
        raise NotFound
    account = accounts.account_of(tenant)
    with transaction.atomic(), services.tenancy().public_write("order"):
        account = accounts.lock(account)
        known = Order.objects.filter(idempotency_key=idempotency_key).first()
        if known is not None:
            if known.tenant_id != tenant.pk or not _same(known.body, quote.body):
                raise KeyReused
            return known
        if quote.expires_at <= clock.now():
            raise QuoteExpired
        slug = _provider_slug(account.provider, quote.body, provider_slug)
        provider = usable(slug)
        waiting = _open_order(tenant, quote.body["scope"])
        if waiting is not None:
            if _same(waiting.body, quote.body) and waiting.provider == slug:
                return waiting
            if waiting.subscription_id is not None:
                raise AlreadySubscribed(str(waiting.subscription_id))
            _close(waiting, Order.State.CANCELED)
        _refuse_owned(tenant, quote.body)
        if quote.body["recurring"] or quote.body["total_minor"]:
            _require_identity(account, tenant, slug)
        order = _create(tenant, account, quote.body, slug, by, idempotency_key)
        if is_given_at_once(order, provider):
            fulfilment.fulfil(tenant, order)
            if order.total_minor == 0:
                _settle(order)
        return order


def is_given_at_once(order: Order, provider: BillingProvider) -> bool:
    """Return whether an order needs no payment page: a transfer, or nothing to pay now.

    A provider that runs the subscription itself keeps the card of a trial: it needs its page.
    """
    if not needs_page(provider):
        return True
    return order.total_minor == 0 and "engine" in provider.capabilities


def needs_page(provider: BillingProvider) -> bool:
    """Return whether the person pays on a page before anything is given."""
    return "checkout" in provider.capabilities


def usable(slug: str) -> BillingProvider:
    """Return a provider that is set up. Raises ``ProviderMissing``."""
    try:
        provider = get(slug)
    except LookupError as error:
        raise ProviderMissing(slug) from error
    if not provider.is_configured().ok:
        raise ProviderMissing(slug)
    return provider


def next_action(order: Order, *, success_url: str = "", cancel_url: str = "") -> NextAction:
    """Return what the person does to pay an open order; nothing for any other."""
    provider = usable(order.provider)
    if order.state != Order.State.OPEN:
        return Done()
    if order.total_minor == 0 and "engine" in provider.capabilities:
        return Done()
    return provider.start_checkout(
        order, success_url=success_url, cancel_url=cancel_url, idempotency_key=str(order.pk)
    )


def cancel(order: Order) -> Order:
    """Give up an order that nothing was given for; any other stays as it is."""
    with transaction.atomic(), services.tenancy().public_write("order"):
        accounts.lock(order.account)
        order.refresh_from_db()
        if order.state == Order.State.OPEN and order.subscription_id is None:
            _close(order, Order.State.CANCELED)
    return order


def expire(now: datetime) -> int:
    """Close the orders whose payment page was left; return how many. Late money still counts."""
    found = Order.objects.filter(
        state=Order.State.OPEN, expires_at__lte=now, subscription=None, invoices=None
    ).select_related("account")
    closed = 0
    for order in found:
        with transaction.atomic(), services.tenancy().public_write("order"):
            accounts.lock(order.account)
            order.refresh_from_db()
            if order.state == Order.State.OPEN and order.subscription_id is None:
                _close(order, Order.State.EXPIRED)
                closed += 1
    return closed


def create_for_change(
    tenant: TenantInfo, quote: Quote, slug: str, by: UUID | None, key: UUID
) -> Order:
    """Create the order of a change of subscription; the account is locked by the caller."""
    scope = f"change:{quote.body['subscription']}"
    waiting = _open_order(tenant, scope)
    if waiting is not None and not waiting.invoices.exists():
        _close(waiting, Order.State.CANCELED)
    body = {**quote.body, "scope": scope, "coupon": None}
    if waiting is not None and waiting.state == Order.State.OPEN:
        body["scope"] = f"{scope}:{key.hex[:8]}"
    return _create(tenant, accounts.account_of(tenant), body, slug, by, key)


def settle_free(order: Order) -> None:
    """Mark an order that costs nothing as done."""
    _settle(order)


# --- transfers and refunds ----------------------------------------------------------------------


def mark_paid(
    invoice: Invoice,
    *,
    by: UUID | None,
    at: datetime,
    reference: str,
    amount_minor: int | None = None,
) -> Invoice:
    """Record a transfer (see ``services.mark_paid``)."""
    reference = reference.strip()[:REFERENCE]
    tenant = _tenant(invoice.tenant_id)
    with transaction.atomic(), services.tenancy().public_write("payment"):
        accounts.lock(invoice.account)
        invoice.refresh_from_db()
        ref = f"{invoice.pk}:{reference}"
        if Payment.objects.filter(provider="invoice", provider_ref=ref).exists():
            return invoice
        owed = open_minor(invoice)
        amount = owed if amount_minor is None else amount_minor
        if invoice.state != Invoice.State.OPEN or not 0 < amount <= owed:
            raise BadAmount(owed)
        projector.apply(
            PaymentSettled(
                provider="invoice",
                event_id=f"paid:{ref}",
                occurred_at=at,
                invoice=invoice.pk,
                payment_ref=ref,
                currency=invoice.currency,
                amount_minor=amount,
                method="transfer",
            )
        )
        with use(tenant):
            audit.record(
                "billing.marked_paid",
                target=f"invoice:{invoice.pk}",
                data={"amount_minor": amount, "by": str(by) if by else None},
            )
    invoice.refresh_from_db()
    return invoice


def open_minor(invoice: Invoice) -> int:
    """Return what is still owed on an invoice."""
    return max(invoice.total_minor - invoice.credited_minor - invoice.paid_minor, 0)


def refund(
    payment: Payment, amount_minor: int, *, idempotency_key: UUID, reason: str, by: UUID | None
) -> Payment:
    """Give money back (see ``services.refund``); the same key gives it once."""
    with transaction.atomic(), services.tenancy().public_write("payment"):
        accounts.lock(payment.account)
        payment.refresh_from_db()
        if projector.is_known(payment.provider, f"refund:{idempotency_key}"):
            return payment
        left = payment.amount_minor - payment.refunded_minor
        if payment.state != Payment.State.SETTLED or not 0 < amount_minor <= left:
            raise BadAmount(left)
        if "engine" not in get(payment.provider).capabilities:
            result = None
        else:
            result = get(payment.provider).refund(
                payment, amount_minor, idempotency_key=str(idempotency_key)
            )
            for fact in result.facts:
                projector.apply(fact, reason=reason)
    if result is None:
        # A network call never happens inside a transaction.
        answer = get(payment.provider).refund(
            payment, amount_minor, idempotency_key=str(idempotency_key)
        )
        for fact in answer.facts:
            projector.apply(fact, reason=reason)
    if payment.invoice is not None:
        with use(_tenant(payment.invoice.tenant_id)):
            audit.record(
                "billing.refunded",
                target=f"payment:{payment.pk}",
                data={"amount_minor": amount_minor, "by": str(by) if by else None},
            )
    payment.refresh_from_db()
    return payment


# --- steps --------------------------------------------------------------------------------------


def _same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    keys = ("items", "coupon", "total_minor", "trial_days", "subscription")
    return all(first.get(key) == second.get(key) for key in keys)


def _open_order(tenant: TenantInfo, scope: str) -> Order | None:
    return Order.objects.filter(
        tenant_id=tenant.pk, scope_key=scope, state=Order.State.OPEN
    ).first()


def _provider_slug(default: str, body: dict[str, Any], wanted: str | None) -> str:
    if not any(item["amount_minor"] for item in body["items"]):
        return "free"
    return wanted or default


def _refuse_owned(tenant: TenantInfo, body: dict[str, Any]) -> None:
    """Refuse again under the lock what the quote refused: another order may have come first."""
    from tremplin.billing import quotes

    for item in body["items"]:
        quotes.refuse_twice(tenant, item["module"])


def _require_identity(account: Any, tenant: TenantInfo, slug: str) -> None:
    if "engine" in get(slug).capabilities and slug != "free":
        parties.require(account, issuer_of(tenant))


def _create(
    tenant: TenantInfo,
    account: Any,
    body: dict[str, Any],
    slug: str,
    by: UUID | None,
    key: UUID,
) -> Order:
    coupon = Coupon.objects.get(pk=body["coupon"]) if body["coupon"] else None
    if coupon is not None:
        coupons.redeem(coupon)
    now = clock.now()
    return Order.objects.create(
        tenant_id=tenant.pk,
        account=account,
        provider=slug,
        scope_key=body["scope"],
        idempotency_key=key,
        body=body,
        currency=body["currency"],
        net_minor=body["net_minor"],
        tax_minor=body["tax_minor"],
        total_minor=body["total_minor"],
        coupon=coupon,
        placed_by=by,
        created_at=now,
        expires_at=now + PAGE_OPEN,
    )


def _close(order: Order, state: str) -> None:
    order.state = state
    order.settled_at = clock.now()
    order.save(update_fields=["state", "settled_at"])
    if order.coupon is not None:
        coupons.give_back(order.coupon)


def _settle(order: Order) -> None:
    with services.tenancy().public_write("order"):
        order.state = Order.State.PAID
        order.settled_at = clock.now()
        order.save(update_fields=["state", "settled_at"])


def _tenant(pk: int) -> TenantInfo:
    found = registry.by_pk(pk)
    if found is None:
        raise NotFound
    return found
