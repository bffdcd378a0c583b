"""Logos are hostile until a limited child process has read them."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from tenants.branding import logo

CIRCLE = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="4"/>%s</svg>'


def _png(width: int, height: int) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (width, height), "#166534").save(target, "PNG")
    return target.getvalue()


def _bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_a_bitmap_becomes_three_png_files() -> None:
    files = logo.process(_png(1200, 600))
    sizes = {name: Image.open(io.BytesIO(content)).size for name, content in files.items()}
    assert sizes == {"logo": (512, 256), "mail_logo": (192, 96), "icon": (192, 192)}


def test_a_plain_svg_is_kept_without_its_size() -> None:
    source = CIRCLE.replace(b"viewBox", b'width="900" onload="x()" viewBox').replace(
        b' onload="x()"', b""
    )
    assert logo.process(source % b"")["svg"] == (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="4"/></svg>'
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CIRCLE % b"<script>alert(1)</script>", "more than shapes"),
        (CIRCLE % b'<g onclick="x()"/>', "holds a script"),
        (CIRCLE % b'<use href="https://evil.example/a.svg#b"/>', "points to another file"),
        (CIRCLE % b'<rect fill="url(https://evil.example/x)"/>', "points to another file"),
        (CIRCLE % b"<foreignObject/>", "more than shapes"),
        (b"<!DOCTYPE svg [<!ENTITY a 'b'>]>" + CIRCLE % b"&a;", "declares entities"),
        (CIRCLE.replace(b"viewBox", b"data-x") % b"", "has no viewBox"),
        (CIRCLE % b'<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>', "too complex"),
        (b"<svg", "cannot be read"),
        (b"MZ\x90\x00 not a picture", "not a picture"),
        (b"", "not a picture"),
        (_png(8, 8), "too small"),
        (_bomb(), "picture"),
    ],
)
def test_a_hostile_upload_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(logo.LogoRefused, match=words):
        logo.process(content)


def test_a_large_upload_is_refused_before_it_is_read() -> None:
    with pytest.raises(logo.LogoRefused, match="larger than 5 MB"):
        logo.process(b"x" * (5 * 1024 * 1024 + 1))
