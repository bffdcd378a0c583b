"""Writes of billing: what pages, the API, the operator and resellers call.

Every function is one short transaction; payments are written by the projector alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from tremplin.billing import (
    accounts,
    collection,
    coupons,
    engine,
    orders,
    overage,
    pricing,
    quotes,
)
from tremplin.billing.models import (
    BillingAccount,
    Coupon,
    Invoice,
    Order,
    Payment,
    Price,
    PriceBook,
    PriceBookEntry,
    Quote,
    Subscription,
)
from tremplin.billing.providers.base import NextAction
from tremplin.billing.quotes import Change, Wanted

if TYPE_CHECKING:
    from decimal import Decimal

    from tenants.registry import TenantInfo

__all__ = [
    "Change",
    "Wanted",
    "account_of",
    "cancel",
    "cancel_order",
    "change",
    "create_coupon",
    "hide_module",
    "mark_paid",
    "pay_url",
    "place_order",
    "preview_change",
    "quote",
    "refund",
    "retry_payment",
    "set_book",
    "set_entry",
    "set_overage_cap",
    "set_range",
    "set_retail",
    "undo_cancel",
    "undo_change",
    "update_account",
]


def account_of(tenant: TenantInfo) -> BillingAccount:
    """Return the billing account of a tenant or reseller; the first call creates it."""
    return accounts.account_of(tenant)


def update_account(tenant: TenantInfo, **fields: object) -> BillingAccount:
    """Change the legal identity or the address. Raises ``Problem`` 422 for an unknown country."""
    return accounts.update(tenant, **fields)


def quote(
    tenant: TenantInfo, lines: Sequence[Wanted], *, coupon: str = "", trial: bool = False
) -> Quote:
    """Store what ``lines`` cost this tenant now; honoured for 15 minutes.

    All lines share one currency, that of the account, and one rhythm (one-time lines excepted).
    Raises ``NotSold``, ``BadSeats``, ``BadCoupon`` and ``AlreadySubscribed``.
    """
    return quotes.make(tenant, lines, coupon=coupon, trial=trial)


def place_order(
    tenant: TenantInfo,
    quote: Quote,
    *,
    by: UUID | None,
    idempotency_key: UUID,
    provider: str | None = None,
) -> Order:
    """Turn a quote into the one open order of its thing; the same key gives the same order.

    Raises ``QuoteExpired``, ``KeyReused``, ``NotFound`` (a quote of another tenant).
    """
    return orders.place(
        tenant, quote, by=by, idempotency_key=idempotency_key, provider_slug=provider
    )


def pay_url(order: Order, *, success_url: str = "", cancel_url: str = "") -> NextAction:
    """Return what the person does next: ``Redirect``, ``Instructions`` or ``Done``."""
    return orders.next_action(order, success_url=success_url, cancel_url=cancel_url)


def cancel_order(order: Order) -> Order:
    """Give up an order that waits for a payment page."""
    return orders.cancel(order)


def preview_change(subscription: Subscription, change: Change) -> Quote:
    """Store what a change costs now, or from when it applies; honoured for 15 minutes."""
    return quotes.make_change(subscription, change)


def change(
    subscription: Subscription, quote: Quote, *, idempotency_key: UUID, by: UUID | None = None
) -> Subscription:
    """Execute a previewed change: at once, or at the end of the period as the quote says.

    Raises ``QuoteExpired``, ``QuoteStale``, ``PaymentRefused``, ``PaymentLate``.
    """
    return engine.execute_change(subscription, quote, idempotency_key=idempotency_key, by=by)


def undo_change(subscription: Subscription) -> int:
    """Forget the changes that wait for the end of the period; return how many."""
    return engine.undo_changes(subscription)


def cancel(
    subscription: Subscription, *, at_period_end: bool = True, by: UUID | None = None
) -> Subscription:
    """End a subscription at the end of its paid period, or now."""
    return engine.cancel(subscription, at_period_end=at_period_end, by=by)


def undo_cancel(subscription: Subscription, *, by: UUID | None = None) -> Subscription:
    """Continue a subscription that was to end. Raises ``NotChangeable`` once it ended."""
    return engine.undo_cancel(subscription, by=by)


def mark_paid(
    invoice: Invoice,
    *,
    by: UUID | None,
    at: datetime,
    reference: str,
    amount_minor: int | None = None,
) -> Invoice:
    """Record a transfer that arrived (``amount_minor`` defaults to what is open).

    The same reference counts once. Raises ``BadAmount`` for zero, a negative amount, or too much.
    """
    return orders.mark_paid(invoice, by=by, at=at, reference=reference, amount_minor=amount_minor)


def retry_payment(invoice: Invoice) -> bool:
    """Charge the kept means of payment for an open invoice now; return whether it is paid.

    Raises ``NotFound`` when nothing is owed. A transfer has nothing to charge: False.
    """
    return collection.retry(invoice)


def refund(
    payment: Payment, amount_minor: int, *, idempotency_key: UUID, reason: str, by: UUID | None
) -> Payment:
    """Give money back, with a credit note of the same amount. Raises ``BadAmount``."""
    return orders.refund(
        payment, amount_minor, idempotency_key=idempotency_key, reason=reason, by=by
    )


def set_overage_cap(tenant: TenantInfo, feature: str, cap_minor: int) -> None:
    """Let a space use a metered feature beyond its plan, up to an amount per period (0: not at all).

    It is billed on the next invoice. Raises ``NotSold`` and ``BadAmount``.
    """
    overage.set_cap(tenant, feature, cap_minor)


def create_coupon(code: str, **fields: object) -> Coupon:
    """Create a discount code (``percent`` or ``amount_minor`` with ``currency``)."""
    return coupons.create(code, **fields)


def set_book(
    reseller: TenantInfo, *, discount_percent: Decimal, mode: str = "wholesale"
) -> PriceBook:
    """Give a reseller its discount on the public book, and who bills its clients."""
    with transaction.atomic():
        book = pricing.set_book(reseller, discount_percent=discount_percent, mode=mode)
        accounts.follow_book(reseller)
    return book


def set_entry(
    reseller: TenantInfo, price: Price, *, cost_minor: int | None = None, is_hidden: bool = False
) -> PriceBookEntry:
    """Set a reseller's own cost of a price (None: by discount), and whether its clients see it."""
    return pricing.set_entry(reseller, price, cost_minor=cost_minor, is_hidden=is_hidden)


def set_range(
    reseller: TenantInfo, price: Price, *, lowest: int | None, highest: int | None
) -> PriceBookEntry:
    """Set between which amounts a reseller may sell a price (the platform decides)."""
    return pricing.set_range(reseller, price, lowest=lowest, highest=highest)


def set_retail(reseller: TenantInfo, price: Price, retail_minor: int | None) -> PriceBookEntry:
    """Set what a reseller's clients pay (None: the public price). Raises ``PriceOutOfRange``."""
    return pricing.set_retail(reseller, price, retail_minor)


def hide_module(reseller: TenantInfo, module: str, *, hidden: bool) -> None:
    """Take a module out of what a reseller's clients are offered, or put it back."""
    pricing.hide_module(reseller, module, hidden=hidden)
