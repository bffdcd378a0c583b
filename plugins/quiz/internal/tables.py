"""Result tables as CSV and XLSX; no cell can start a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO, StringIO

from django.http import HttpResponse
from django.utils.translation import get_language
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

Cell = str | int | Decimal | datetime | bool | None
TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n")
MAX_ROWS = 50_000
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def harmless(text: str) -> str:
    """Return ``text`` so that a spreadsheet reads it as text (OWASP: CSV injection)."""
    return f"'{text}" if text.startswith(TRIGGERS) else text


def as_csv(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a UTF-8 CSV with byte-order mark; French readers get ``;`` and decimal commas."""
    french = (get_language() or "").startswith("fr")
    output = StringIO()
    writer = csv.writer(output, delimiter=";" if french else ",", lineterminator="\r\n")
    writer.writerow([harmless(name) for name in head])
    for row in rows:
        writer.writerow([_csv_cell(cell, french) for cell in row])
    return b"\xef\xbb\xbf" + output.getvalue().encode()


def _csv_cell(cell: Cell, french: bool) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(cell, Decimal):
        text = f"{cell:f}"
        return text.replace(".", ",") if french else text
    return harmless(str(cell)) if isinstance(cell, str) else str(cell)


def as_xlsx(title: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a workbook with one sheet; texts are stored as texts, numbers as numbers."""
    book = Workbook()
    sheet = book.active
    sheet.title = "".join(c for c in title if c not in r"[]:*?/\\")[:31] or "Sheet"
    sheet.append([_text(name) for name in head])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    for row in rows:
        sheet.append([_xlsx_cell(cell) for cell in row])
        for cell in sheet[sheet.max_row]:
            if isinstance(cell.value, str):
                cell.data_type = "s"
    for index, name in enumerate(head, start=1):
        letter = sheet.cell(row=1, column=index).column_letter
        sheet.column_dimensions[letter].width = min(max(len(name) + 4, 12), 40)
    output = BytesIO()
    book.save(output)
    return output.getvalue()


def _text(text: str) -> str:
    return harmless(ILLEGAL_CHARACTERS_RE.sub("", text))[:32_000]


def _xlsx_cell(cell: Cell) -> str | int | float | Decimal | datetime | bool | None:
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=None)
    return _text(cell) if isinstance(cell, str) else cell


def download(content: bytes, name: str, mime: str) -> HttpResponse:
    """Return ``content`` as an attachment."""
    response = HttpResponse(content, content_type=mime)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response
