"""Lists that leave the space, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

# The full-width forms count as well: spreadsheets in some languages read them as operators.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


def safe_cell(value: object) -> str:
    """Return the cell so that no spreadsheet runs it: formulas get a leading apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def restore_cell(text: str) -> str:
    """Return the text that ``safe_cell`` protected: a list that left the space comes back as it was."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_DANGEROUS) else text


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]], *, separator: str) -> bytes:
    """Return a CSV in UTF-8 with a byte-order mark, so that spreadsheets read the accents."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator)
    writer.writerow([safe_cell(name) for name in header])
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def separator_for(language: str) -> str:
    """Return the separator that spreadsheets of this language expect."""
    return ";" if language.lower().startswith("fr") else ","
