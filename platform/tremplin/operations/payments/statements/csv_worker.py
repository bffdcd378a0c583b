"""Reads one bank statement as CSV from standard input, answers JSON on standard output.

Runs alone (``python -I``) in a process with limits, because the bytes come from strangers. It finds
the encoding, the line of titles (banks put their address above it), the separator, the form of
dates and decimals. The answer is that of ``camt_worker``.

Numbers: with a comma and a point, the last one is the decimal sign; one sign alone before three
digits (``1,234``) follows the other lines, else separates thousands, except in currencies that have
three decimals, where it cannot be told: the line is unreadable. Days such as ``03/04/2026`` are read
day first unless another line of the file can only be month first.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import unicodedata
from datetime import date
from decimal import Decimal
from typing import Any

MAX_BYTES = 10 * 1024 * 1024
MAX_LINES = 2_000
MAX_COLUMNS = 60
HEADER_WITHIN = 40
LONGEST = {"label": 1_000, "party": 140, "account": 40, "bank_ref": 60}
SEPARATORS = (";", ",", "\t")
COLUMNS = {
    "date": (
        "date", "date operation", "date d'operation", "date de l'operation", "date comptable",
        "date de comptabilisation", "booking date", "posting date", "transaction date",
    ),
    "value_date": ("date valeur", "date de valeur", "value date"),
    "amount": ("amount", "montant", "montant de l'operation", "transaction amount"),
    "debit": ("debit", "debit amount", "montant debit", "paid out"),
    "credit": ("credit", "credit amount", "montant credit", "paid in"),
    "currency": ("currency", "devise", "monnaie", "ccy"),
    "label": (
        "label", "libelle", "libelle operation", "libelle de l'operation", "reference", "motif",
        "description", "details", "detail", "communication", "payment reference",
        "reference de paiement", "remittance information", "informations complementaires",
        "reference/label", "reference/libelle", "libelle complementaire",
    ),
    "party": (
        "counterparty", "contrepartie", "payer", "payeur", "donneur d'ordre", "emetteur", "tiers",
        "nom", "name", "debtor", "nom de la contrepartie", "counterparty name",
    ),
    "bank_ref": (
        "bank reference", "reference bancaire", "reference banque", "transaction id",
        "entry reference", "numero d'operation", "identifiant", "id",
    ),
    "account": ("account", "compte", "iban", "numero de compte", "account number"),
}  # fmt: skip
SYNONYMS = {name: column for column, names in COLUMNS.items() for name in names}
THREE_DIGITS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
SIGNS = {"€": "EUR", "£": "GBP", "$": "USD", "FCFA": "XOF", "F CFA": "XOF"}


class Unreadable(Exception):
    """The file as a whole cannot be used; ``code`` is stable."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def decode(data: bytes) -> str:
    """Return the text: UTF-8 or UTF-16 with their mark, else UTF-8, else Windows-1252."""
    if data[:2] == b"PK" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise Unreadable("spreadsheet")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise Unreadable("not_text") from error
    if b"\x00" in data or data[:5] == b"%PDF-":
        raise Unreadable("not_text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def fold(title: str) -> str:
    """Return a title in lower case without accents, currency or surplus spaces."""
    decomposed = unicodedata.normalize("NFKD", title.replace("_", " ").replace("’", "'"))
    kept = "".join(char for char in decomposed if not unicodedata.combining(char))
    kept = re.sub(r"(?i)\((?:[a-z]{3}|euros?|€)\)|\b(?:en )?(?:euros?|eur)$", " ", kept)
    return " ".join(kept.casefold().strip(" \ufeff*:").split())


def titles(text: str) -> tuple[int, str, list[str | None], str]:
    """Return the place of the titles, the separator, the columns and the currency they name."""
    lines = text.splitlines(keepends=True)[:HEADER_WITHIN]
    best: tuple[int, int, str, list[str]] | None = None
    for number, line in enumerate(lines):
        for separator in SEPARATORS:
            names = next(csv.reader([line.strip("\r\n")], delimiter=separator), [])
            found = {SYNONYMS.get(fold(name)) for name in names} - {None}
            if {"date", "value_date"} & found and {"amount", "credit"} & found:
                score = len(found)
                if best is None or score > best[0]:
                    best = (score, number, separator, names)
    if best is None:
        raise Unreadable("no_columns")
    _score, number, separator, names = best
    if len(names) > MAX_COLUMNS:
        raise Unreadable("too_many_columns")
    columns = [SYNONYMS.get(fold(name)) for name in names]
    for once in ("date", "amount", "debit", "credit", "currency"):
        if columns.count(once) > 1:
            same = [name for name, column in zip(names, columns, strict=True) if column == once]
            raise Unreadable("column_twice", ", ".join(same))
    money = " ".join(
        name for name, column in zip(names, columns, strict=True)
        if column in ("amount", "debit", "credit")
    )  # fmt: skip
    named = re.search(r"\(([A-Z]{3})\)", money)
    currency = named[1] if named else "EUR" if re.search("(?i)€|euro|eur$", money) else ""
    start = sum(len(line) for line in lines[:number])
    return start, separator, columns, currency


def clean(cell: str) -> str:
    """Return a cell on one line, without control characters or a spreadsheet's guard."""
    text = "".join(char if char.isprintable() else " " for char in cell)
    text = " ".join(text.split())
    return text[1:] if len(text) > 1 and text[0] == "'" and text[1] in "=+-@" else text


def split_amount(text: str) -> tuple[str, str, bool]:
    """Return the digits with their signs, the currency written beside them, and if negative."""
    text = text.replace("\u2212", "-").upper()
    currency = ""
    for sign, code in SIGNS.items():
        if sign in text:
            text, currency = text.replace(sign, ""), code
    if named := re.search("[A-Z]{3}", text):
        text, currency = text.replace(named[0], "", 1), named[0]
    text = "".join(text.split()).replace("'", "").replace("’", "")
    is_negative = text.startswith(("-", "(")) or text.endswith("-")
    return text.strip("+-()"), currency, is_negative


def decimal_sign(text: str) -> str | None:
    """Return the decimal sign of a number, "" when it has none, None when it cannot be told."""
    comma, point = text.rfind(","), text.rfind(".")
    if comma >= 0 and point >= 0:
        return "," if comma > point else "."
    sign = "," if comma >= 0 else "."
    count = text.count(sign)
    if count == 0 or count > 1:
        return ""
    return None if re.fullmatch(r"[1-9]\d{0,2}[,.]\d{3}", text) else sign


def to_decimal(text: str, usual: str, currency: str) -> Decimal | None:
    """Return a number; ``usual`` is the decimal sign of the other lines. None: not readable."""
    if not re.fullmatch(r"[\d.,]{1,24}", text):
        return None
    sign = decimal_sign(text)
    if sign is None:
        if not usual and currency in THREE_DIGITS:
            return None
        sign = usual if usual and usual in text else ""
    whole, _, rest = text.rpartition(sign) if sign else (text, "", "")
    is_number = re.fullmatch(r"\d+|\d{1,3}([,.])\d{3}(?:\1\d{3})*", whole)
    if not is_number or (rest and not rest.isdigit()):
        return None
    return Decimal(re.sub("[,.]", "", whole) + (f".{rest}" if rest else ""))


def day_cell(cells: dict[str, Any]) -> str:
    """Return the day of a line as it is written, without a time."""
    text: str = cells.get("date") or cells.get("value_date", "")
    return text.split("T")[0].partition(" ")[0]


def parts_of(text: str) -> tuple[int, int, int] | None:
    """Return three numbers of a day written with ``/``, ``.`` or ``-``, the year last."""
    found = re.fullmatch(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d{2})", text)
    if found is None:
        return None
    year = int(found[3]) + (2000 if len(found[3]) == 2 else 0)
    return int(found[1]), int(found[2]), year


def to_day(text: str, is_month_first: bool) -> str:
    """Return a day as ISO 8601, empty when it is not readable."""
    try:
        if parts := parts_of(text):
            first, second, year = parts
            month, day = (first, second) if is_month_first else (second, first)
            return date(year, month, day).isoformat()
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def rows_of(text: str, separator: str, columns: list[str | None]) -> list[dict[str, Any]]:
    """Return the cells of every line by column; texts of several columns are put together."""
    found: list[dict[str, Any]] = []
    records = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    next(records)
    for record in records:
        if not any(cell.strip() for cell in record):
            continue
        if len(found) == MAX_LINES:
            raise Unreadable("too_many_lines")
        cells: dict[str, Any] = {"extra": any(cell.strip() for cell in record[len(columns) :])}
        for column, cell in zip(columns, record):  # noqa: B905  short lines are usual
            if column and (said := clean(cell)):
                cells[column] = f"{cells[column]} {said}" if column in cells else said
        found.append(cells)
    if not found:
        raise Unreadable("no_lines")
    return found


def line_of(number: int, cells: dict[str, Any], usual: str, is_month_first: bool,
            currency: str) -> dict[str, Any]:  # fmt: skip
    """Return one line of the answer."""
    is_debit = False
    written = cells.get("amount", "")
    if not written:
        is_debit = bool(cells.get("debit", "").strip("0.,- ")) and not cells.get("credit")
        written = cells.get("debit" if is_debit else "credit", "")
    digits, said, is_negative = split_amount(written)
    currency = cells.get("currency", "").upper() or said or currency
    amount = to_decimal(digits, usual, currency)
    day = to_day(day_cell(cells), is_month_first)
    is_right = bool(amount and day) and not cells["extra"]
    is_right = is_right and bool(re.fullmatch("[A-Z]{3}", currency))
    line = {
        "line": number,
        "date": day,
        "amount": str(amount) if amount else "",
        "currency": currency[:3],
        "credit": not (is_debit or is_negative),
        "entry_ref": "",
        "state": "" if is_right else "unreadable",
    }
    return line | {name: cells.get(name, "")[:most] for name, most in LONGEST.items()}


def read(data: bytes) -> dict[str, Any]:
    """Return the answer described in ``camt_worker``. Raises ``Unreadable``."""
    if len(data) > MAX_BYTES:
        raise Unreadable("too_big")
    text = decode(data)
    if not text.strip():
        raise Unreadable("empty")
    try:
        start, separator, columns, currency = titles(text)
        rows = rows_of(text[start:], separator, columns)
    except csv.Error as error:
        raise Unreadable("not_csv") from error
    written = [
        split_amount(cells[name])
        for cells in rows
        for name in ("amount", "debit", "credit")
        if name in cells
    ]
    if not currency and "currency" not in columns and not any(said for _, said, _ in written):
        raise Unreadable("no_currency")
    signs = {decimal_sign(number) for number, _, _ in written} - {None, ""}
    usual = str(signs.pop()) if len(signs) == 1 else ""
    days = [parts_of(day_cell(cells)) for cells in rows]
    is_month_first = any(parts[1] > 12 for parts in days if parts) and not any(
        parts[0] > 12 for parts in days if parts
    )
    return {
        "lines": [
            line_of(number, cells, usual, is_month_first, currency)
            for number, cells in enumerate(rows, 1)
        ]
    }


def main() -> None:
    """Answer one file."""
    try:
        answer = read(sys.stdin.buffer.read())
    except Unreadable as refusal:
        answer = {"problem": refusal.code, "detail": refusal.detail}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
