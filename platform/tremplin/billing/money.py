"""Currencies: how many digits their minor unit has, and amounts as text."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import get_language

# ISO 4217: currencies that differ from two digits, among those that a space may use.
_DIGITS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
    "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip


def digits(currency: str) -> int:
    """Return the digits of the minor unit: 2 for the euro, 0 for the CFA franc."""
    return _DIGITS.get(currency, 2)


def major(amount_minor: int, currency: str) -> Decimal:
    """Return an amount in major units, exact (``Decimal('47.50')``, ``Decimal('5000')``)."""
    return Decimal(amount_minor).scaleb(-digits(currency))


def minor(amount: Decimal, currency: str) -> int:
    """Return an amount in minor units. Raises ``ValueError`` for a fraction of the minor unit."""
    scaled = amount.scaleb(digits(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has too many digits for {currency}")
    return int(scaled)


def amount_text(amount_minor: int, currency: str) -> str:
    """Return an amount in the active language: ``47,50 EUR`` in French, ``EUR 47.50``."""
    text = number_format(
        major(amount_minor, currency), decimal_pos=digits(currency), force_grouping=True
    )
    if (get_language() or "en").startswith("fr"):
        return text.replace("\u00a0", "\u202f") + f"\u202f{currency}"
    return f"{currency}\u00a0{text}"
