"""Numbers in question files: decimal point or comma, exact, bounded."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation, localcontext
from typing import Final

from . import limits
from .collect import Refused

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?")
_SPACES: Final = re.compile(r"[ \t\u00a0\u202f]")


def tidy(value: Decimal) -> Decimal:
    """``value`` in its one canonical form: no trailing zeros, no exponent above zero, no minus zero."""
    if value == 0:
        return Decimal(0)
    with localcontext() as context:
        context.prec = 400
        value = value.normalize()
        exponent = value.as_tuple().exponent
        return value.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else value


def number(text: str, code: str = "bad_number") -> Decimal:
    """Read a number, ``3.5``, ``3,5``, ``1e-3`` or ``1 000``; raises ``Refused`` when it is not one."""
    compact = _SPACES.sub("", text.strip()).replace("\u2212", "-")
    if len(compact) > 2 * limits.MAX_NUMBER_DIGITS or not _NUMBER.fullmatch(compact):
        raise Refused(code, value=text.strip())
    try:
        value = Decimal(compact.replace(",", "."))
    except InvalidOperation:
        raise Refused(code, value=text.strip()) from None
    if value and (
        abs(value.adjusted()) > limits.MAX_NUMBER_EXPONENT
        or len(value.as_tuple().digits) > limits.MAX_NUMBER_DIGITS
    ):
        raise Refused(code, value=text.strip())
    return tidy(value)


def weight(text: str | Decimal) -> Decimal:
    """Read a percentage between -100 and 100, kept to seven decimals."""
    value = number(text, "bad_weight") if isinstance(text, str) else text
    if not value.is_finite() or abs(value) > 100:
        raise Refused("bad_weight", value=value)
    return tidy(value.quantize(Decimal("1e-7")))


def points(text: str | Decimal) -> Decimal:
    """Read a number of points between 0 and 100,000, kept to seven decimals."""
    value = number(text, "bad_points") if isinstance(text, str) else text
    if not value.is_finite() or not 0 <= value <= 100_000:
        raise Refused("bad_points", value=value)
    return tidy(value.quantize(Decimal("1e-7")))


def show(value: Decimal) -> str:
    """``value`` with a decimal point and, when that is short, without exponent."""
    text = format(value, "f")
    return text if len(text) <= limits.MAX_NUMBER_DIGITS else str(value)


def interval(low: Decimal, high: Decimal) -> tuple[Decimal, Decimal]:
    """The centre and half width of an interval, exact; the bounds may come in either order."""
    low, high = min(low, high), max(low, high)
    with localcontext() as context:
        context.prec = 400
        return tidy((low + high) / 2), tidy((high - low) / 2)
