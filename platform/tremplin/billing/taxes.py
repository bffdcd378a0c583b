"""VAT of a sale: the question of a quote, put to the port of invoicing."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tremplin.billing.invoicing import tax

if TYPE_CHECKING:
    from tremplin.billing.models import BillingAccount


def rate_for(account: BillingAccount, tax_code: str) -> tuple[Decimal, str]:
    """Return the VAT rate in percent and its category (EN 16931) for a buyer."""
    return tax.rate_for(account, tax_code)
