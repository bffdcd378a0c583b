"""Invoice numbers and order references in the label of a transfer.

People and banks write a number with other separators, in small letters or over two lines: words of
the label are put together and compared without anything but letters and digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MOST_WORDS = 6
MOST_LABEL_WORDS = 120
_WORD = re.compile("[A-Z0-9]+")
_FIELD = re.compile(r"\{(year|n(?::0([1-9])d)?)\}")
_ORDER = re.compile(r"(?<![0-9A-F])[0-9A-F]{8}(?:-?[0-9A-F]{4}){3}-?[0-9A-F]{12}(?![0-9A-F])")


@dataclass(frozen=True, slots=True)
class Mention:
    """A possible number in a label: squeezed, where it is, and if it is written without a blank."""

    text: str
    start: int
    end: int
    is_whole: bool


def squeezed(number: str) -> str:
    """Return the letters and digits of a number: ``F2026000012`` for ``F-2026-000012``."""
    return "".join(_WORD.findall(number.upper()))


def shape_of(templates: Iterable[str]) -> re.Pattern[str]:
    """Return what matches squeezed numbers of these forms (``F-{year}-{n:06d}``)."""
    return re.compile("|".join(sorted({_shape(one) for one in templates})) or "(?!)")


def _shape(template: str) -> str:
    text, last = "", 0
    for field in _FIELD.finditer(template):
        text += re.escape(squeezed(template[last : field.start()]))
        text += r"\d{4}" if field[1] == "year" else rf"\d{{{field[2] or 1},9}}"
        last = field.end()
    return text + re.escape(squeezed(template[last:]))


def mentions(label: str, shape: re.Pattern[str]) -> list[Mention]:
    """Return what may be invoice numbers in ``label``."""
    upper = label.upper()
    words = [(one.start(), one.end()) for one in _WORD.finditer(upper)][:MOST_LABEL_WORDS]
    found = []
    for first, (start, _) in enumerate(words):
        text = ""
        for left, right in words[first : first + MOST_WORDS]:
            text += upper[left:right]
            if shape.fullmatch(text):
                is_whole = not any(char.isspace() for char in upper[start:right])
                found.append(Mention(text, start, right, is_whole))
    return found


def known(found: list[Mention], numbers: set[str]) -> list[str]:
    """Return the numbers that exist among the mentions, each once.

    A number inside a longer one that is written in one piece is not meant; when the longer one has
    a blank in it nobody can tell, and both are returned.
    """
    real = [one for one in found if one.text in numbers]
    kept = [
        one
        for one in real
        if not any(
            other.is_whole
            and other.start <= one.start
            and one.end <= other.end
            and (other.end - other.start) > (one.end - one.start)
            for other in real
        )
    ]
    return list(dict.fromkeys(one.text for one in kept))


def orders(label: str) -> list[str]:
    """Return the references of orders (UUIDs with or without hyphens), as 32 digits."""
    return list(
        dict.fromkeys(one.replace("-", "").lower() for one in _ORDER.findall(label.upper()))
    )
