"""``read``: bytes of any supported format to questions and issues. Never raises for bad input."""

from __future__ import annotations

from . import aiken, csv_table, detect, gift, limits, moodle_xml, qti2, qti3, qti12, xlsx_table
from .archive import Package
from .collect import Collector, Refused, make_issue
from .encoding import Decoded, decode
from .model import ImportResult, Severity

_TEXT_READERS = {
    "gift": gift.read,
    "moodle_xml": moodle_xml.read,
    "aiken": aiken.read,
    "csv": csv_table.read,
    "qti12": qti12.read_text,
    "qti2": qti2.read_text,
    "qti3": qti3.read_text,
}
_PACKAGE_READERS = {
    "qti12": qti12.read_package,
    "qti2": qti2.read_package,
    "qti3": qti3.read_package,
    "xlsx": xlsx_table.read_package,
}


def read(data: bytes, name: str = "", fmt: str | None = None) -> ImportResult:
    """Read a question file.

    ``name`` is the file's name, used to recognise its format; ``fmt`` is one of ``detect.FORMATS`` and
    skips the recognition. Whatever is wrong becomes an issue of the result: nothing is raised and one bad
    question never hides the others.
    """
    out = Collector(fmt or "")
    try:
        _read(data, name, fmt, out)
    except Refused as refused:
        out.issues.append(
            make_issue(
                Severity.ERROR, refused.code, dict(refused.params), line=refused.line, item=out.item
            )
        )
    except (RecursionError, MemoryError, ArithmeticError, ValueError, LookupError, TypeError):
        # A defect of a reader on hostile input must still tell the person something true.
        out.fail("reader_failed")
    return out.result()


def _read(data: bytes, name: str, fmt: str | None, out: Collector) -> None:
    if len(data) > limits.MAX_INPUT_BYTES:
        raise Refused("file_too_large", limit=limits.MAX_INPUT_BYTES // (1024 * 1024))
    if not data.strip():
        raise Refused("file_empty")
    if detect.is_zip(data):
        package = Package(data)
        found = detect.of_package(package)
        out.format = fmt if fmt in _PACKAGE_READERS else found or ""
        if not out.format:
            raise Refused("zip_no_questions")
        _PACKAGE_READERS[out.format](package, out)
        return
    decoded = decode(data)
    if detect.is_binary(data, decoded.controls):
        raise Refused("unknown_format")
    out.encoding, out.repairs = decoded.encoding, decoded.repairs
    chosen = fmt if fmt in _TEXT_READERS else detect.of_text(decoded.text, name)
    out.format = chosen or ""
    if chosen is None:
        raise Refused("unknown_format")
    report_repairs(decoded, out)
    _TEXT_READERS[chosen](decoded.text, out)


def report_repairs(decoded: Decoded, out: Collector) -> None:
    """Say which guesses were made about the letters of a text."""
    if decoded.encoding == "windows-1252":
        out.warn("encoding_cp1252")
    if decoded.misread_lines:
        out.warn("encoding_repaired", count=decoded.misread_lines)
    if decoded.controls:
        out.info("control_characters", count=decoded.controls)
