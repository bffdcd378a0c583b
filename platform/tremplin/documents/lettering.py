"""Which characters the fonts of documents can draw, and text made safe for them."""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import Any

FONTS = Path(__file__).parent / "fonts"
UNKNOWN = "\u25a1"
LONGEST_WORD, PIECE = 24, 12  # characters; longer words get a possible break every twelve
_LONG = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")
_BREAK = "\u200b"  # an invisible place where a line may end
# Invisible controls that reorder text would let a name change what an amount looks like.
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")  # glue of emoji: nothing is left to join
_REMOVED = frozenset(
    map(
        chr,
        (0x200B, 0xFEFF, *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFFF9, 0xFFFC)),
    )
)


@cache
def _runs() -> tuple[tuple[int, ...], tuple[int, ...]]:
    numbers = json.loads((FONTS / "coverage.json").read_text(encoding="utf-8"))
    return tuple(numbers[::2]), tuple(numbers[1::2])


def is_drawn(character: str) -> bool:
    """Tell whether a font has a glyph for one character."""
    firsts, lasts = _runs()
    place = bisect_right(firsts, ord(character)) - 1
    return place >= 0 and ord(character) <= lasts[place]


def printable(text: str) -> str:
    """Return ``text`` composed (NFC), without controls, with U+25A1 for what no font draws.

    A run of unknown characters (an emoji of several code points) becomes one square, and a word
    without end may be broken. Line ends and
    tabs become spaces: templates lay text out themselves.
    """
    found: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        if character in _REMOVED or (
            unicodedata.category(character) in {"Cc", "Cs", "Cn"} and character not in "\n\r\t"
        ):
            continue
        if character in _JOINERS and found and found[-1] == UNKNOWN:
            continue
        if character in "\n\r\t\u2028\u2029":
            found.append(" ")
        elif is_drawn(character):
            found.append(character)
        elif not found or found[-1] != UNKNOWN:
            found.append(UNKNOWN)
    return _LONG.sub(lambda word: _BREAK.join(_pieces(word.group())), "".join(found))


def _pieces(word: str) -> list[str]:
    return [word[start : start + PIECE] for start in range(0, len(word), PIECE)]


def printable_data(value: Any) -> Any:
    """Return JSON values with every text made ``printable``."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: printable_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [printable_data(item) for item in value]
    return value
