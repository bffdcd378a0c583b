"""Rows of billing, in the public schema: tenants and amounts, no people."""

from __future__ import annotations

from tremplin.billing.models.accounts import BillingAccount, PaymentMethod
from tremplin.billing.models.invoices import Invoice, InvoiceLine, InvoiceSeries
from tremplin.billing.models.money import LedgerEntry, Payment, Payout, ProviderEvent
from tremplin.billing.models.moves import VersionMove
from tremplin.billing.models.prices import Coupon, HiddenModule, Price, PriceBook, PriceBookEntry
from tremplin.billing.models.subscriptions import (
    Order,
    Quote,
    Subscription,
    SubscriptionChange,
    SubscriptionItem,
)

__all__ = [
    "BillingAccount",
    "Coupon",
    "HiddenModule",
    "Invoice",
    "InvoiceLine",
    "InvoiceSeries",
    "LedgerEntry",
    "Order",
    "Payment",
    "PaymentMethod",
    "Payout",
    "Price",
    "PriceBook",
    "PriceBookEntry",
    "ProviderEvent",
    "Quote",
    "Subscription",
    "SubscriptionChange",
    "SubscriptionItem",
    "VersionMove",
]
