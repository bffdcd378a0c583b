"""``write``: questions to a file of a format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from . import csv_table, gift_write, moodle_write, qti3_write
from .model import ExportResult, Question

_WRITERS: Final = {
    "gift": (gift_write.write, "questions.gift", "text/plain; charset=utf-8"),
    "moodle_xml": (moodle_write.write, "questions.xml", "application/xml"),
    "qti3": (qti3_write.write, "questions-qti3.zip", "application/zip"),
    "csv": (csv_table.write, "questions.csv", "text/csv; charset=utf-8"),
}
EXPORT_FORMATS: Final = tuple(_WRITERS)


def write(fmt: str, questions: Sequence[Question]) -> ExportResult:
    """Write ``questions`` in ``fmt``, one of ``EXPORT_FORMATS``; raises ``KeyError`` for another.

    Questions must be in canonical form: as ``read`` gives them or ``canonical`` makes them.
    """
    writer, filename, mime = _WRITERS[fmt]
    data, issues = writer(questions)
    return ExportResult(data, filename, mime, tuple(issues))
