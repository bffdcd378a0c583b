"""Images of questions: recognised by their bytes, named safely, taken out of ``data:`` addresses."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import quote, unquote, unquote_to_bytes

from . import limits
from .model import MediaFile

_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_EXTENSIONS: Final = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
}
_DATA: Final = re.compile(
    r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.-]+=[^;,]*)*)(;base64)?,", re.IGNORECASE
)


def sniff(data: bytes) -> str | None:
    """The image type of ``data`` by its first bytes; None when it is not an accepted image."""
    if len(data) > limits.MAX_IMAGE_BYTES:
        return None
    for signature, mime in _SIGNATURES:
        if data.startswith(signature):
            return mime
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def safe_name(name: str, mime: str) -> str:
    """A file name of ASCII letters, digits, ``. _ -`` with the extension of ``mime``."""
    base = re.split(r"[/\\]", name)[-1]
    base = re.sub(r"[^A-Za-z0-9._-]", "_", base).lstrip(".")[:100] or "image"
    if not base.lower().endswith(_EXTENSIONS[mime]):
        base += _EXTENSIONS[mime][0]
    return base


def from_data_uri(uri: str) -> tuple[str, bytes] | None:
    """The name (empty when none is given) and the bytes of a ``data:`` address; None when malformed."""
    head = _DATA.match(uri)
    if not head:
        return None
    parameters = dict(part.partition("=")[::2] for part in head.group(2).split(";") if part)
    payload = uri[head.end() :]
    try:
        if head.group(3):
            data = base64.b64decode(re.sub(r"\s+", "", unquote(payload)), validate=True)
        else:
            data = unquote_to_bytes(payload)
    except (binascii.Error, ValueError):
        return None
    return unquote(parameters.get("name", "")), data


def to_data_uri(file: MediaFile) -> str:
    """``file`` as a ``data:`` address that keeps its name."""
    body = base64.b64encode(file.data).decode("ascii")
    return f"data:{file.mime};name={quote(file.name)};base64,{body}"


def decode_base64(text: str) -> bytes | None:
    """The bytes of base64 text with any line breaks; None when malformed."""
    try:
        return base64.b64decode(re.sub(r"\s+", "", text), validate=True)
    except (binascii.Error, ValueError):
        return None
