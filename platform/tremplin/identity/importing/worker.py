"""Reads one list of people from standard input and answers JSON on standard output.

Runs alone (``python -I``) in a process with limits, because the bytes come from strangers. It
knows nothing of the product: it finds the encoding, the separator and the columns, repairs text
that was read with the wrong encoding, and returns the cells with their line numbers.

Answer: ``{"problem": code, "detail": text}`` or ``{"encoding", "separator", "columns", "unknown",
"rows": [{"line", "cells": {column: text}, "extra": bool}], "repaired": [{"line", "before",
"after"}], "repaired_lines": n}``.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import unicodedata
from collections import Counter
from typing import Any

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 10_000
MAX_COLUMNS = 60
MAX_CELL = 2_000
SHOWN_REPAIRS = 5
BETWEEN = " · "
SEPARATORS = (";", ",", "\t", "|")
COLUMNS = {
    "email": (
        "email", "e-mail", "mail", "courriel", "adresse e-mail", "adresse email", "adresse mail",
        "adresse courriel", "adresse electronique", "email address", "e-mail address", "mail address",
    ),
    "first_name": ("first name", "firstname", "given name", "prenom", "prenoms"),
    "last_name": ("last name", "lastname", "surname", "family name", "nom", "nom de famille"),
    "role": ("role", "roles", "profil", "profile"),
    "cohort": ("cohort", "cohorts", "cohorte", "cohortes", "class", "classe", "group", "groupe"),
    "locale": ("language", "lang", "locale", "langue"),
}  # fmt: skip
SYNONYMS = {name: column for column, names in COLUMNS.items() for name in names}
# Two or more bytes of UTF-8 shown as Windows-1252 always begin with one of these characters.
_SUSPECT = re.compile("[\u00c2-\u00f4]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Unreadable(Exception):
    """The file as a whole cannot be used; ``code`` is stable."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def to_windows_bytes(text: str) -> bytes:
    """Return Windows-1252 bytes, the five unassigned positions included. Raises UnicodeError."""
    out = bytearray()
    for char in text:
        try:
            out += char.encode("cp1252")
        except UnicodeEncodeError:
            if ord(char) > 0x9F:
                raise
            out.append(ord(char))
    return bytes(out)


def from_windows_bytes(data: bytes) -> str:
    """Return the text of Windows-1252 bytes; unassigned positions become control characters."""
    return "".join(
        bytes([byte]).decode("cp1252") if byte not in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else chr(byte)
        for byte in data
    )


def repair(text: str) -> str:
    """Undo UTF-8 that was read as Windows-1252 (``LefÃ¨vre``), up to twice."""
    for _round in range(2):
        if not _SUSPECT.search(text):
            return text
        for candidate in (text, text.replace("Ã ", "Ã\u00a0")):
            try:
                fixed = to_windows_bytes(candidate).decode("utf-8")
            except UnicodeError:
                continue
            break
        else:
            return text
        text = fixed
    return text


def decode(data: bytes) -> tuple[str, str]:
    """Return the text and the name of its encoding. Raises ``Unreadable``."""
    if data[:2] == b"PK" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise Unreadable("spreadsheet")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        try:
            return data.decode("utf-16"), "utf-16"
        except UnicodeDecodeError as error:
            raise Unreadable("not_text") from error
    if b"\x00" in data or data[:5] == b"%PDF-":
        raise Unreadable("not_text")
    try:
        text = data.decode("utf-8-sig")
        return text, "utf-8-bom" if data[:3] == b"\xef\xbb\xbf" else "utf-8"
    except UnicodeDecodeError:
        return from_windows_bytes(data), "windows-1252"


def fold(value: str) -> str:
    """Return a header in lower case without accents, underscores or surplus spaces."""
    decomposed = unicodedata.normalize("NFKD", value.replace("_", " "))
    kept = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(kept.casefold().replace("\u2011", "-").strip(" \ufeff*:").split())


def separator_of(header: str) -> str:
    """Return the separator that gives the most known columns, then the most columns."""

    def score(separator: str) -> tuple[int, int]:
        names = next(csv.reader([header], delimiter=separator), [])
        return sum(fold(repair(name)) in SYNONYMS for name in names), len(names)

    return max(SEPARATORS, key=score)


def _columns(names: list[str]) -> tuple[list[str | None], list[str]]:
    mapped = [SYNONYMS.get(fold(repair(name))) for name in names]
    twice = [column for column, count in Counter(c for c in mapped if c).items() if count > 1]
    if twice:
        same = [name for name, column in zip(names, mapped, strict=True) if column == twice[0]]
        raise Unreadable("column_twice", ", ".join(same))
    if "email" not in mapped:
        raise Unreadable(
            "no_email_column", ", ".join(name.strip() for name in names if name.strip())[:300]
        )
    unknown = [
        repair(name).strip()[:80]
        for name, column in zip(names, mapped, strict=True)
        if column is None and name.strip()
    ]
    return mapped, unknown


def _clean(cell: str) -> str:
    text = " ".join(repair(cell).replace("\u200b", "").split())
    if len(text) > 1 and text[0] == "'" and text[1] in _FORMULA:
        text = text[1:]  # the guard that spreadsheets and our own export put before formulas
    return text


def read(data: bytes) -> dict[str, Any]:
    """Return the answer described at the top of the module. Raises ``Unreadable``."""
    if len(data) > MAX_BYTES:
        raise Unreadable("too_big")
    text, encoding = decode(data)
    lines = io.StringIO(text, newline="")
    skipped, header = 0, ""
    while True:
        line = lines.readline()
        if not line:
            raise Unreadable("empty")
        if line.strip(" \r\n\t;,\ufeff") and not line.lower().startswith("sep="):
            header = line
            break
        skipped += 1
    separator = separator_of(header.rstrip("\r\n"))
    lines.seek(0)
    for _number in range(skipped):
        lines.readline()
    return _rows(lines, separator, skipped, encoding)


def _rows(lines: io.StringIO, separator: str, skipped: int, encoding: str) -> dict[str, Any]:
    reader = csv.reader(lines, delimiter=separator, strict=False)
    mapped: list[str | None] = []
    unknown: list[str] = []
    rows: list[dict[str, Any]] = []
    repaired: list[dict[str, Any]] = []
    repaired_lines, next_line = 0, skipped + 1
    for record in reader:
        line, next_line = next_line, skipped + reader.line_num + 1
        if not mapped:
            if len(record) > MAX_COLUMNS:
                raise Unreadable("too_many_columns")
            mapped, unknown = _columns(record)
            continue
        if not any(cell.strip() for cell in record):
            continue
        if len(rows) == MAX_ROWS:
            raise Unreadable("too_many_rows")
        if any(len(cell) > MAX_CELL for cell in record):
            raise Unreadable("cell_too_long", str(line))
        cells = {column: _clean(cell) for column, cell in zip(mapped, record) if column}  # noqa: B905
        before = [cell for column, cell in zip(mapped, record) if column]  # noqa: B905
        foreign = encoding in {"windows-1252", "utf-16"} and any(not c.isascii() for c in before)
        if foreign or any(repair(cell) != cell for cell in before):
            repaired_lines += 1
            if len(repaired) < SHOWN_REPAIRS:
                wrong = [_as_wrongly_read(cell) for cell in before] if foreign else before
                repaired.append(
                    {
                        "line": line,
                        "before": BETWEEN.join(wrong),
                        "after": BETWEEN.join(cells.values()),
                    }
                )
        extra = any(cell.strip() for cell in record[len(mapped) :])
        rows.append({"line": line, "cells": cells, "extra": extra})
    if not rows:
        raise Unreadable("no_rows")
    return {
        "encoding": encoding,
        "separator": separator,
        "columns": [column for column in mapped if column],
        "unknown": unknown,
        "rows": rows,
        "repaired": repaired,
        "repaired_lines": repaired_lines,
    }


def _as_wrongly_read(cell: str) -> str:
    """Return the cell as a reader that expects UTF-8 would show it."""
    return cell.encode("cp1252", "replace").decode("utf-8", "replace")


def main() -> None:
    """Read standard input, write the answer."""
    csv.field_size_limit(MAX_BYTES)
    try:
        answer = read(sys.stdin.buffer.read(MAX_BYTES + 1))
    except Unreadable as error:
        answer = {"problem": error.code, "detail": error.detail}
    except csv.Error as error:
        answer = {"problem": "not_csv", "detail": str(error)}
    sys.stdout.buffer.write(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
