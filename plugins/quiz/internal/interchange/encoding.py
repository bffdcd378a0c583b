"""Bytes to text: UTF-8 with or without BOM, UTF-16 with BOM, Windows-1252, and repair of double encoding."""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

# The text U+FFFE, U+FFFF and the U+FDD0 block never mean anything; XML refuses some of them.
_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
_COMPOSES_WITH_ASCII_SIGN: Final = re.compile("([<>=])")
_DECLARED: Final = re.compile(rb"""^\s*<\?xml[^>]{0,200}encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
UTF8_DECLARATION: Final = "coding: utf-8"


def _cp1252_char(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


_BYTE_OF: Final = {_cp1252_char(b): b for b in range(256)} | {chr(b): b for b in range(0x80, 0xA0)}
_LEAD: Final = "".join(re.escape(_cp1252_char(b)) for b in range(0xC2, 0xF5))
_CONTINUATION: Final = "".join(re.escape(_cp1252_char(b)) for b in range(0x80, 0xC0)) + "\x80-\x9f"
MISREAD: Final = re.compile(f"[{_LEAD}][{_CONTINUATION}]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, the encoding it was read with and what was done to it, with counts."""

    text: str
    encoding: str
    repairs: tuple[str, ...] = ()
    misread_lines: int = 0
    controls: int = 0


def nfc(text: str) -> str:
    """Unicode NFC, except that ``<``, ``>`` and ``=`` never merge with a combining stroke after them."""
    if unicodedata.is_normalized("NFC", text):
        return text
    parts = _COMPOSES_WITH_ASCII_SIGN.split(text)
    return "".join(unicodedata.normalize("NFC", part) for part in parts)


def scrub(text: str) -> str:
    """``text`` with LF line ends, in NFC, without control characters except tab and line feed."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return nfc(_CONTROLS.sub("", text))


def _repair_line(line: str) -> str | None:
    if not MISREAD.search(line):
        return None
    try:
        return bytes(_BYTE_OF[char] for char in line).decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        return _repair_words(line)


def _repair_words(line: str) -> str | None:
    changed = False
    words = re.split(r"(\s+)", line)
    for place, word in enumerate(words):
        if MISREAD.search(word):
            try:
                words[place] = bytes(_BYTE_OF[char] for char in word).decode("utf-8")
                changed = True
            except (KeyError, UnicodeDecodeError):
                continue
    return "".join(words) if changed else None


def _repair_misread(text: str) -> tuple[str, int]:
    lines = text.split("\n")
    count = 0
    for number, line in enumerate(lines):
        fixed = _repair_line(line)
        if fixed is not None:
            lines[number] = fixed
            count += 1
    return "\n".join(lines), count


def _to_text(data: bytes, repairs: list[str]) -> tuple[str, str]:
    if data.startswith(codecs.BOM_UTF8):
        repairs.append("bom")
        data = data[3:]
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        repairs.append("bom")
        return data.decode("utf-16", "replace"), "utf-16"
    declared = _DECLARED.match(data[:300])
    if declared:
        name = declared.group(1).decode("ascii").lower()
        if name in {"iso-8859-15", "latin-9"}:
            return data.decode("iso-8859-15"), "iso-8859-15"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        # Every byte has a meaning here, so that no byte is lost: the five unused ones map to C1 controls.
        return _decode_cp1252(data), "windows-1252"


def _decode_cp1252(data: bytes) -> str:
    return codecs.charmap_decode(data, "strict", "".join(_cp1252_char(b) for b in range(256)))[0]


def decode(data: bytes) -> Decoded:
    """Decode ``data``, normalise line ends and form, repair double encoding; never fails."""
    repairs: list[str] = []
    text, encoding = _to_text(data, repairs)
    if text.startswith("\ufeff"):
        text = text[1:]
    if encoding == "windows-1252":
        repairs.append("cp1252")
    if "\r" in text:
        repairs.append("crlf")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    misread = 0
    # Our own text exports declare their encoding, so that a question about "Ã©" survives.
    if encoding == "utf-8" and UTF8_DECLARATION not in text[:200] and MISREAD.search(text):
        text, misread = _repair_misread(text)
        if misread:
            repairs.append("misread")
    text, controls = _CONTROLS.subn("", text)
    if controls:
        repairs.append("control")
    normal = nfc(text)
    if normal != text:
        repairs.append("nfc")
    return Decoded(normal, encoding, tuple(repairs), misread, controls)
