"""Numbers, percentages, amounts and durations as French and English readers expect them.

French rules: narrow no-break space (U+202F) between thousands and before ``%``, decimal comma
(Lexique des règles typographiques en usage à l'Imprimerie nationale). Both languages use the real
minus sign (U+2212).
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

NARROW = "\u202f"
NO_BREAK = "\u00a0"
MINUS = "\u2212"
# ISO 4217 currencies without the usual two decimals.
_MINOR_DIGITS = {"JPY": 0, "KRW": 0, "XAF": 0, "XOF": 0, "TND": 3, "KWD": 3, "BHD": 3}


def is_french() -> bool:
    """Whether the active language follows French typography."""
    return (get_language() or "en").split("-")[0] == "fr"


def to_decimal(value: object) -> Decimal | None:
    """Return ``value`` as a finite decimal, or None when it is not a number."""
    if value is None or isinstance(value, bool):
        return None
    try:
        result = Decimal(str(value))
    except InvalidOperation:
        return None
    return result if result.is_finite() else None


def number(value: object, decimals: int | None = None) -> str:
    """Return ``value`` with thousands separated; ``decimals`` None keeps at most two, no zeros.

    A value that is not a number gives an em dash.
    """
    amount = to_decimal(value)
    if amount is None:
        return "\u2014"
    places = 2 if decimals is None else decimals
    rounded = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    whole, _dot, fraction = f"{abs(rounded):f}".partition(".")
    if decimals is None:
        fraction = fraction.rstrip("0")
    groups = f"{int(whole):,}"
    text = groups.replace(",", NARROW) if is_french() else groups
    if fraction:
        text += ("," if is_french() else ".") + fraction
    return (MINUS if rounded < 0 else "") + text


def percent(value: object, decimals: int | None = None) -> str:
    """Return a value already in percent (0 to 100) with its sign: ``87,5 %`` or ``87.5%``."""
    if to_decimal(value) is None:
        return "\u2014"
    return number(value, decimals) + (f"{NARROW}%" if is_french() else "%")


def ratio(value: object, decimals: int | None = 0) -> str:
    """Return a ratio (0 to 1) as a percentage, by default without decimals."""
    amount = to_decimal(value)
    return percent(None if amount is None else amount * 100, decimals)


def signed(value: object, decimals: int | None = None) -> str:
    """Return ``value`` with an explicit sign, for changes: ``+8``, ``−1``, ``0``."""
    amount = to_decimal(value)
    text = number(value, decimals)
    return f"+{text}" if amount is not None and amount > 0 and text != "0" else text


def money(minor: object, currency: str = "EUR") -> str:
    """Return an amount held in minor units (cents): ``390,00 EUR`` or ``EUR 390.00``."""
    amount = to_decimal(minor)
    if amount is None:
        return "\u2014"
    digits = _MINOR_DIGITS.get(currency, 2)
    text = number(amount.scaleb(-digits), digits)
    return f"{text}{NARROW}{currency}" if is_french() else f"{currency}{NO_BREAK}{text}"


def duration(seconds: object) -> str:
    """Return a length of time in words of at most two units: ``1 h 20 min``, ``45 s``."""
    amount = to_decimal(seconds)
    if amount is None or amount < 0:
        return "\u2014"
    total = int(amount.to_integral_value(rounding=ROUND_HALF_UP))
    days, rest = divmod(total, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, secs = divmod(rest, 60)
    day_text = ngettext("%(n)s day", "%(n)s days", days) % {"n": days}
    parts = [
        day_text.replace(" ", NO_BREAK) if days else "",
        f"{hours}{NO_BREAK}h" if hours else "",
        f"{minutes}{NO_BREAK}min" if minutes else "",
        f"{secs}{NO_BREAK}s" if secs else "",
    ]
    first = next((index for index, part in enumerate(parts) if part), 3)
    return " ".join(part for part in parts[first : first + 2] if part) or f"0{NO_BREAK}s"


def retention(days: object) -> str:
    """Return how long something is kept, given in days: ``3 years`` or ``30 days``."""
    amount = to_decimal(days)
    if amount is None or amount < 0:
        return "\u2014"
    years, rest = divmod(int(amount), 365)
    if years and not rest:
        text = ngettext("%(n)s year", "%(n)s years", years) % {"n": number(years)}
    else:
        text = ngettext("%(n)s day", "%(n)s days", int(amount)) % {"n": number(int(amount))}
    return text.replace(" ", NO_BREAK)


def clock(seconds: object) -> str:
    """Return a countdown reading: ``12:00`` or ``1:05:09``."""
    amount = to_decimal(seconds)
    if amount is None:
        return "\u2014"
    total = max(0, int(amount))
    hours, rest = divmod(total, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


def file_size(size: object) -> str:
    """Return a size in bytes with decimal units (kB, MB, GB), French ``ko, Mo, Go``."""
    amount = to_decimal(size)
    if amount is None:
        return "\u2014"
    units = [_("B"), _("kB"), _("MB"), _("GB"), _("TB")]
    index = 0
    while amount >= 1000 and index < len(units) - 1:
        amount /= 1000
        index += 1
    return number(amount, 0 if index == 0 or amount >= 100 else 1) + NO_BREAK + units[index]


_BEFORE = re.compile(r"[ \u00a0]?([;!?%\u00bb]|:(?!\d|//))")
_AFTER = re.compile(r"\u00ab[ \u00a0\u202f]?")


def french_spaces(text: str) -> str:
    """Put the narrow no-break spaces of French punctuation into ``text`` when French is active.

    Times (``18:00``) and addresses (``https://``) stay as they are.
    """
    if not is_french():
        return text
    spaced = _BEFORE.sub(lambda match: f"{NARROW}{match.group(1)}", text)
    spaced = _AFTER.sub(f"\u00ab{NARROW}", spaced)
    return re.sub(r"^\u202f|(?<=[\s\u202f(])\u202f", "", spaced)
