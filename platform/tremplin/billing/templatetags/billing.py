"""What the pages of billing need: their tabs, a rhythm in words, the amount of one plan."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.urls import reverse
from django.utils.translation import gettext as _

from tremplin.billing import cards
from tremplin.billing.cards import PlanCard
from tremplin.billing.models import Invoice
from tremplin.billing.pricing import Offer

register = template.Library()


@register.simple_tag(takes_context=True)
def billing_tabs(context: template.Context) -> list[dict[str, Any]]:
    """Return the tabs above the pages of billing."""
    request = context["request"]
    entries = [
        (_("Overview"), "billing:index", "billing-tab-overview"),
        (_("Plans"), "billing:plans", "billing-tab-plans"),
        (_("Usage"), "billing:usage", "billing-tab-usage"),
        (_("Invoices"), "billing:invoices", "billing-tab-invoices"),
        (_("Payment"), "billing:methods", "billing-tab-methods"),
    ]
    if request.ctx.can("billing.manage"):
        entries.append((_("Details"), "billing:details", "billing-tab-details"))
    return [
        {"label": label, "url": url, "current": request.path == url, "testid": testid}
        for label, name, testid in entries
        for url in [reverse(name)]
    ]


@register.filter
def rhythm(interval: str) -> str:
    """Return « per month », « per year » or « once »."""
    return cards.interval_text(interval)


@register.filter
def in_rhythm(card: PlanCard, interval: str) -> Offer:
    """Return the offer of a card in a rhythm, its first one when it has none."""
    wanted = card.year if interval == "year" else card.month
    return wanted or card.first


@register.filter
def plus(number: int, other: int) -> int:
    """Return the sum of two whole numbers."""
    return number + other


@register.filter
def as_instant(text: str) -> datetime:
    """Return the instant that a stored body holds as text."""
    return datetime.fromisoformat(text)


@register.filter
def signed_total(invoice: Invoice) -> int:
    """Return the total of an invoice; that of a credit note is given back, so negative."""
    if invoice.kind == Invoice.Kind.CREDIT_NOTE:
        return -invoice.total_minor
    return invoice.total_minor


@register.filter
def state_variant(state: str) -> str:
    """Return the colour of a badge for the state of an invoice, an order or a subscription."""
    return {
        "paid": "success",
        "active": "success",
        "settled": "success",
        "open": "warning",
        "past_due": "warning",
        "trialing": "info",
        "grace": "destructive",
        "suspended": "destructive",
        "failed": "destructive",
        "uncollectible": "destructive",
    }.get(state, "muted")


@register.simple_tag(takes_context=True)
def billing_can(context: template.Context) -> bool:
    """Tell whether the reader may buy and change."""
    return bool(context["request"].ctx.can("billing.manage"))
