"""Which format a file has, by its content first and its name second."""

from __future__ import annotations

import re
from typing import Final

from .archive import Package

FORMATS: Final = ("gift", "moodle_xml", "aiken", "qti12", "qti2", "qti3", "csv", "xlsx")
_ANSWER: Final = re.compile(r"^[ \t]*ANSWER[ \t]*:", re.MULTILINE | re.IGNORECASE)
_CHOICE: Final = re.compile(r"^[ \t]*[A-Z][.)]", re.MULTILINE)
_GIFT: Final = re.compile(r"^\s*(?:::|\$CATEGORY:|//)|(?<!\\)\{", re.MULTILINE)
_ROOT: Final = re.compile(
    r"\A\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>\s*)*<(?:[\w.-]+:)?([\w.-]+)",
    re.DOTALL,
)
_ROOTS: Final = {
    "quiz": "moodle_xml",
    "questestinterop": "qti12",
    "assessmentItem": "qti2",
    "assessmentTest": "qti2",
    "qti-assessment-item": "qti3",
    "qti-assessment-test": "qti3",
}
_EXTENSIONS: Final = {
    ".gift": "gift",
    ".csv": "csv",
    ".tsv": "csv",
    ".aiken": "aiken",
}


_NOT_TEXT: Final = (
    b"%PDF-", b"\x7fELF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b",
    b"\xd0\xcf\x11\xe0",
)  # fmt: skip
_FEW_CONTROLS: Final = 64


def is_binary(data: bytes, controls: int) -> bool:
    """Whether the bytes are a document or a program rather than text.

    ``controls`` is how many control characters decoding removed: a damaged text has a few, a binary
    file that happens to hold a brace has more than one in fifty.
    """
    return data.startswith(_NOT_TEXT) or (controls > _FEW_CONTROLS and controls * 50 > len(data))


def is_zip(data: bytes) -> bool:
    """Whether the bytes begin like a zip file."""
    return data[:4] in {b"PK\x03\x04", b"PK\x05\x06"}


def of_xml(text: str) -> str | None:
    """The format of XML by its root element; None when it holds no questions we know."""
    root = _ROOT.match(text[:20_000])
    return _ROOTS.get(root.group(1)) if root else None


def of_package(package: Package) -> str | None:
    """The format of a zip: XLSX, or the version of QTI its files have."""
    names = package.names()
    if "xl/workbook.xml" in names:
        return "xlsx"
    found = set()
    for name in names:
        if name.lower().endswith((".xml", ".qti")):
            head = (package.read(name) or b"")[:20_000].decode("utf-8", "replace")
            found.add(of_xml(head.lstrip("\ufeff")))
    for candidate in ("qti3", "qti2", "qti12"):
        if candidate in found:
            return candidate
    return None


def of_text(text: str, name: str) -> str | None:
    """The format of a text file."""
    stripped = text.lstrip()
    if stripped.startswith("<") and (_ROOT.match(text[:20_000])):
        known = of_xml(text)
        if known or stripped.startswith("<?xml"):
            return known
    extension = re.search(r"\.[A-Za-z]+$", name)
    by_name = _EXTENSIONS.get(extension.group(0).lower()) if extension else None
    if by_name:
        return by_name
    if _ANSWER.search(text) and _CHOICE.search(text):
        return "aiken"
    from .csv_table import looks_like_table

    if looks_like_table(text):
        return "csv"
    return "gift" if _GIFT.search(text) else None
