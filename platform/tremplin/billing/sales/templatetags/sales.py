"""What the pages of sales need: a rate of VAT in words."""

from __future__ import annotations

from decimal import Decimal

from django import template

from tremplin.billing.invoicing import wording

register = template.Library()


@register.filter
def vat_rate(rate: Decimal) -> str:
    """Return a rate without useless decimals: ``20 %`` in French, ``5.5%`` in English."""
    return wording.percent(rate)
