"""XLSX through openpyxl in read-only mode, after every XML part was checked for entities and depth."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time
from typing import Any

from . import limits
from .archive import Package
from .collect import Collector, Refused
from .encoding import decode
from .table import find_header, read_rows
from .xmltree import guard

# What openpyxl raises on damaged workbooks beside its own error; its parser's are SyntaxErrors.
_DAMAGED = (
    zipfile.BadZipFile,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
_MAX_ROWS = limits.MAX_QUESTIONS + 100


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value)


def read_package(package: Package, out: Collector) -> None:
    """Read the first sheet that has a header row into ``out``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as copy:
        for name in package.names():
            data = package.read(name) or b""
            if name.lower().endswith((".xml", ".rels")):
                guard(data)
                copy.writestr(name, data)
    # openpyxl is slow to import and only this format needs it.
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        workbook = load_workbook(buffer, read_only=True, data_only=True, keep_links=False)
        for sheet in workbook.worksheets:
            sheet.reset_dimensions()
            rows = [
                [_cell(value) for value in row]
                for row in sheet.iter_rows(
                    max_row=_MAX_ROWS, max_col=limits.MAX_COLUMNS, values_only=True
                )
            ]
            if find_header(rows) is not None:
                read_rows(
                    [[decode(c.encode("utf-8", "replace")).text for c in r] for r in rows], out
                )
                return
    except (InvalidFileException, *_DAMAGED) as error:
        raise Refused("table_broken", reason=type(error).__name__) from None
    raise Refused("table_no_header")
