"""Recognises a file by its content; the sender's word and the name decide between equals only."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

OCTETS = "application/octet-stream"
IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

# Types a browser may show inside a page of ours; everything else is offered for download as octets.
SHOWN = IMAGES | {
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "audio/mp4",
    "audio/webm",
    "video/mp4",
    "video/webm",
    "video/ogg",
}
_ZIP_TYPES = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
}
_TEXT_TYPES = {".csv": "text/csv", ".md": "text/markdown", ".json": "application/json"}
_SUFFIX_LIMIT = 12


def media_type(content: bytes, name: str, claimed: str) -> str:
    """Return the media type of ``content``; ``application/octet-stream`` when unknown.

    Text that a browser could execute (HTML, SVG, XML, scripts) is plain text here.
    """
    head = content[:64]
    suffix = PurePosixPath(name.lower()).suffix
    if found := _by_magic(head, claimed):
        return found
    if head.startswith(b"PK\x03\x04"):
        return _ZIP_TYPES.get(suffix, "application/zip")
    if _is_text(content):
        return _TEXT_TYPES.get(suffix, "text/plain")
    return OCTETS


def _by_magic(head: bytes, claimed: str) -> str:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio/wav"
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if head.startswith(b"OggS"):
        return "video/ogg" if claimed == "video/ogg" else "audio/ogg"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "audio/webm" if claimed.startswith("audio/") else "video/webm"
    if head[4:8] == b"ftyp":
        return "audio/mp4" if head[8:11] == b"M4A" else "video/mp4"
    if head.startswith(b"ID3") or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        return "audio/mpeg"
    return ""


def _is_text(content: bytes) -> bool:
    if b"\x00" in content[:4096]:
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def safe_name(name: str, mime: str) -> str:
    """Return a name without folder, control or reserved characters, at most 120 long.

    The suffix of a bitmap is made to agree with its type.
    """
    base = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    base = "".join(c for c in base if unicodedata.category(c)[0] != "C")
    base = re.sub(r'[<>:"|?*%#;&]+', "_", base).strip(" .")
    stem, dot, suffix = base.rpartition(".")
    if not dot or len(suffix) > _SUFFIX_LIMIT:
        stem, suffix = base, ""
    if mime in IMAGES:
        suffix = {"image/jpeg": "jpg"}.get(mime, mime.partition("/")[2])
    stem = stem.strip(" .") or "file"
    return f"{stem[:100]}.{suffix}" if suffix else stem[:100]
