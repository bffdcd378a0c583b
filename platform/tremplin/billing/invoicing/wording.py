"""Amounts, dates and the sentences of the law, in the language of an invoice."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, number_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tremplin.billing import money

# VATEX codes of the EN 16931 code lists.
REASON_CODES = {"AE": "VATEX-EU-AE", "E": "VATEX-EU-132-1I", "O": "VATEX-EU-O"}
NARROW = "\u202f"
# Providers that take the money themselves: nothing is transferred.
CARDS = frozenset({"sandbox", "stripe"})
SYMBOLS = {"EUR": "\u20ac", "USD": "$", "GBP": "\u00a3"}


def language_of(locale: str) -> str:
    """Return the language an invoice is written in: ``fr`` or ``en``."""
    return "fr" if locale.lower().startswith("fr") else "en"


def amount(minor: int, currency: str) -> str:
    """Return an amount in the active language: ``1 234,50 €``, ``€1,234.50``, ``5 000 XOF``."""
    digits = number_format(
        money.major(abs(minor), currency),
        decimal_pos=money.digits(currency),
        use_l10n=True,
        force_grouping=True,
    )
    sign = "\u2212" if minor < 0 else ""
    symbol = SYMBOLS.get(currency)
    if symbol is not None and get_language() == "en":
        return f"{sign}{symbol}{digits}"
    return f"{sign}{digits}\u00a0{symbol or currency}"


def percent(rate: Decimal) -> str:
    """Return a rate in the active language: ``20 %``, ``5.5%``."""
    text = number_format(rate.normalize() if rate else Decimal(0), use_l10n=True)
    if "E" in text:
        text = number_format(rate.quantize(Decimal(1)), use_l10n=True)
    return f"{text}{NARROW}%" if get_language() == "fr" else f"{text}%"


def day(value: date) -> str:
    """Return a date in the active language: ``3 mars 2026``, ``3 March 2026``."""
    return date_format(value, "j F Y")


def period(start: datetime | None, end: datetime | None, zone: str) -> tuple[date, date] | None:
    """Return the first and last day of a period whose ``end`` is excluded, in a zone."""
    if start is None or end is None:
        return None
    place = ZoneInfo(zone)
    first = start.astimezone(place).date()
    last = (end.astimezone(place) - timedelta(microseconds=1)).date()
    return first, max(first, last)


def reason(category: str) -> str:
    """Return why no VAT is charged, in the active language; empty for a taxed category."""
    return {
        "AE": _("Reverse charge: VAT is owed by the customer (article 283-2 of the French CGI)."),
        "E": _("Exempt from VAT: vocational training, article 261-4-4° a of the French CGI."),
        "O": _("Outside the scope of French VAT (article 259-1° of the French CGI)."),
    }.get(category, "")


def legal_notes(*, is_credit_note: bool) -> list[dict[str, str]]:
    """Return the particulars every invoice carries, with their UNTDID 4451 codes.

    Art. L441-9 and D441-5 of the French commercial code: penalties, 40 euros, discount.
    """
    category = {"code": "AAI", "text": _("Category of operation: provision of services.")}
    if is_credit_note:
        return [category]
    return [
        category,
        {
            "code": "PMD",
            "text": _(
                "Late payment: penalties at three times the legal interest rate, due without reminder."
            ),
        },
        {"code": "PMT", "text": _("Fixed compensation for recovery costs: 40 euros.")},
        {"code": "AAB", "text": _("No discount for early payment.")},
    ]
