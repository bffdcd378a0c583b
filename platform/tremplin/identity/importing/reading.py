"""From uploaded bytes to cells, through the limited process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from tremplin.identity.errors import IdentityError
from tremplin.identity.importing.export import restore_cell
from tremplin.identity.importing.worker import MAX_BYTES, MAX_ROWS
from tremplin.kernel import limited_process

WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list: its number in the file and its cells by column."""

    number: int
    cells: dict[str, str]
    extra: bool


@dataclass(frozen=True, slots=True)
class Repair:
    """A line whose text was read with the wrong encoding, before and after."""

    number: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A readable list."""

    encoding: str
    separator: str
    columns: tuple[str, ...]
    unknown: tuple[str, ...]
    lines: tuple[Line, ...]
    repairs: tuple[Repair, ...]
    repaired_lines: int


def _messages() -> dict[str, str]:
    return {
        "too_big": _("The file is larger than 5 MB. Split it in several files."),
        "spreadsheet": _("This is a spreadsheet. Save it as CSV, then choose the CSV file."),
        "not_text": _("This file is not a list in text form. Save your list as CSV."),
        "empty": _("The file is empty."),
        "no_rows": _("The file has a header but no line below it."),
        "not_csv": _("The file is not a readable CSV. Save your list as CSV again."),
        "too_many_rows": _("The file has more than %(rows)s lines. Split it in several files.")
        % {"rows": f"{MAX_ROWS:_}".replace("_", "\u202f")},
        "too_many_columns": _(
            "The first line has more than 60 columns: keep those of the template."
        ),
        "no_email_column": _("No column is called “E-mail”. Columns found: %(detail)s"),
        "column_twice": _("Two columns mean the same thing: %(detail)s. Keep one of them."),
        "cell_too_long": _("Line %(detail)s holds a cell of more than 2,000 characters."),
    }


def read_sheet(data: bytes) -> Sheet:
    """Return the cells of ``data``.

    Raises ``IdentityError`` with the worker's code, or ``unreadable`` when the limited process
    failed, ran too long or asked for too much memory.
    """
    if len(data) > MAX_BYTES:
        raise IdentityError("too_big", _messages()["too_big"])
    try:
        answer: dict[str, Any] = json.loads(
            limited_process.run(WORKER, data, timeout=20.0, memory_mb=512, cpu_seconds=15)
        )
    except (limited_process.LimitedProcessError, ValueError) as error:
        raise IdentityError(
            "unreadable", _("The file could not be read. Save your list as CSV and try again.")
        ) from error
    if problem := answer.get("problem"):
        text = _messages().get(problem, _messages()["not_csv"])
        if "%(detail)s" in text:
            text = text % {"detail": answer["detail"]}
        raise IdentityError(problem, text)
    return Sheet(
        encoding=answer["encoding"],
        separator=answer["separator"],
        columns=tuple(answer["columns"]),
        unknown=tuple(answer["unknown"]),
        lines=tuple(
            Line(
                row["line"],
                {column: restore_cell(text) for column, text in row["cells"].items()},
                row["extra"],
            )
            for row in answer["rows"]
        ),
        repairs=tuple(
            Repair(row["line"], row["before"], row["after"]) for row in answer["repaired"]
        ),
        repaired_lines=answer["repaired_lines"],
    )
