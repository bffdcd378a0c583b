"""Stored files: what is accepted, how it is served, and to which space."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.utils import translation
from PIL import Image, PngImagePlugin

from tenants.context import use
from tremplin.api import Problem, services
from tremplin.files.internal.sniff import media_type, safe_name
from tremplin.files.models import StoredFileRecord
from tremplin.files.privacy import FilesPersonalData
from tremplin.files.views import wanted_range

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.MEDIA_ROOT = tmp_path / "media"
    with translation.override("en"):
        yield settings.MEDIA_ROOT


def bitmap(kind: str, size: tuple[int, int] = (40, 20), **options: Any) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(output, kind, **options)
    return output.getvalue()


def save(tenant: Any, name: str, content: bytes, mime: str, **options: Any) -> Any:
    with use(tenant):
        return services.files().save(
            name,
            content,
            mime=mime,
            owner=options.get("owner"),
            purpose=options.get("purpose", "t"),
        )


def problem(tenant: Any, name: str, content: bytes, mime: str) -> tuple[int, str, object]:
    with pytest.raises(Problem) as caught:
        save(tenant, name, content, mime)
    with use(tenant):
        assert StoredFileRecord.objects.count() == 0
        assert not Path(default_storage.path("files")).exists()
    return caught.value.status, caught.value.code, caught.value.extra.get("reason", "")


# --- saving -------------------------------------------------------------------------------------


def test_a_file_is_kept_in_its_own_space(tenant_a: Any, tenant_b: Any, media: Path) -> None:
    owner = uuid4()
    stored = save(tenant_a, "Notes d’été.txt", b"bonjour", "text/plain", owner=owner)
    assert (stored.name, stored.mime, stored.size) == ("Notes d’été.txt", "text/plain", 7)
    with use(tenant_a):
        assert services.files().read(stored.id) == b"bonjour"
        found = services.files().get(stored.id)
        assert found is not None
        assert (found.id, found.name, found.mime, found.size) == (
            stored.id, "Notes d’été.txt", "text/plain", 7,
        )  # fmt: skip
        record = StoredFileRecord.objects.get()
        assert record.sha256 == hashlib.sha256(b"bonjour").hexdigest()
        assert record.owner == owner
    assert [path.relative_to(media).parts[0] for path in media.rglob("*") if path.is_file()] == [
        str(tenant_a.uuid)
    ]
    with use(tenant_b):
        assert services.files().get(stored.id) is None
        with pytest.raises(Problem) as caught:
            services.files().read(stored.id)
        assert (caught.value.status, caught.value.code) == (404, "file_unknown")
        services.files().delete(stored.id)
    with use(tenant_a):
        assert services.files().read(stored.id) == b"bonjour"


def test_delete_removes_row_then_bytes_after_commit(
    tenant_a: Any, django_capture_on_commit_callbacks: Any
) -> None:
    stored = save(tenant_a, "a.txt", b"x", "text/plain")
    with use(tenant_a):
        path = Path(default_storage.path(StoredFileRecord.objects.get().path))
        with django_capture_on_commit_callbacks() as callbacks:
            services.files().delete(stored.id)
            services.files().delete(stored.id)
        assert (StoredFileRecord.objects.count(), path.exists(), len(callbacks)) == (0, True, 1)
        callbacks[0]()
        assert path.exists() is False


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_bitmaps_are_written_anew_without_metadata(tenant_a: Any, kind: str) -> None:
    options: dict[str, Any] = {}
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", "SECRET-PLACE")
        options["pnginfo"] = info
    elif kind in {"JPEG", "WEBP"}:
        exif = Image.Exif()
        exif[0x010E] = "SECRET-PLACE"
        options["exif"] = exif
    else:
        options["comment"] = b"SECRET-PLACE"
    content = bitmap(kind, **options) + b"<script>alert(1)</script>"
    assert b"SECRET-PLACE" in content
    stored = save(tenant_a, "photo.bin", content, "application/octet-stream")
    with use(tenant_a):
        data = services.files().read(stored.id)
    assert stored.mime == f"image/{kind.lower()}"
    assert stored.name == "photo." + {"JPEG": "jpg"}.get(kind, kind.lower())
    assert (b"SECRET-PLACE" in data, b"<script>" in data) == (False, False)
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == (kind, (40, 20))
    red, green, blue = image.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
    assert (round(red, -1), round(green, -1), round(blue, -1)) == (200, 30, 30)


def test_orientation_is_applied_and_animation_kept(tenant_a: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = save(tenant_a, "a.jpg", bitmap("JPEG", exif=exif), "image/jpeg")
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    output = io.BytesIO()
    frames[0].save(output, "GIF", save_all=True, append_images=frames[1:], duration=70)
    moving = save(tenant_a, "a.gif", output.getvalue(), "image/gif")
    with use(tenant_a):
        assert Image.open(io.BytesIO(services.files().read(turned.id))).size == (20, 40)
        again = Image.open(io.BytesIO(services.files().read(moving.id)))
        assert (again.n_frames, again.info["duration"]) == (3, 70)  # type: ignore[attr-defined]


def bomb() -> bytes:
    """Return a PNG of 30,000 × 30,000 pixels in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 4_000_000))
        + chunk(b"IEND", b"")
    )


def test_refused_uploads_change_nothing(tenant_a: Any) -> None:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    assert problem(tenant_a, "a.png", b"", "image/png") == (422, "file_empty", "")
    assert problem(tenant_a, "a.png", svg, "image/png") == (
        422, "file_not_readable", "not_an_image",
    )  # fmt: skip
    assert problem(tenant_a, "a.png", bitmap("PNG")[:60], "image/png") == (
        422, "file_not_readable", "failed",
    )  # fmt: skip
    assert problem(tenant_a, "a.png", bomb(), "image/png") == (
        422, "file_not_readable", "failed",
    )  # fmt: skip
    large = b"\xff\xd8\xff" + b"0" * (10 * 1024 * 1024)
    assert problem(tenant_a, "a.jpg", large, "image/jpeg") == (413, "file_too_large", "")
    text = b"x" * (25 * 1024 * 1024 + 1)
    assert problem(tenant_a, "a.txt", text, "text/plain") == (413, "file_too_large", "")


def test_messages_say_what_to_do_in_the_language_of_the_reader(tenant_a: Any) -> None:
    with translation.override("fr"), pytest.raises(Problem) as caught:
        save(tenant_a, "a.png", b"", "image/png")
    assert caught.value.detail == "Ce fichier est vide\u202f: choisissez-en un autre."
    with translation.override("fr"), pytest.raises(Problem) as caught:
        save(tenant_a, "a.txt", b"x" * (25 * 1024 * 1024 + 1), "text/plain")
    assert caught.value.detail == ("Ce fichier dépasse 25 Mo\u202f: choisissez-en un plus petit.")


@pytest.mark.parametrize(
    ("content", "name", "claimed", "expected"),
    [
        (b"<html><script>", "a.html", "text/html", "text/plain"),
        (b"<svg xmlns=''/>", "a.svg", "image/svg+xml", "text/plain"),
        (b"a;b\n1;2", "a.csv", "text/csv", "text/csv"),
        (b"%PDF-1.7", "a.txt", "text/plain", "application/pdf"),
        (b"PK\x03\x04....", "a.docx", "", "application/vnd.openxmlformats-officedocument"
         ".wordprocessingml.document"),
        (b"PK\x03\x04....", "a.png", "image/png", "application/zip"),
        (b"\x00\x01\x02", "a.txt", "text/plain", "application/octet-stream"),
        (b"\xe9t\xe9", "a.txt", "text/plain", "application/octet-stream"),
        (b"OggS", "a.ogg", "audio/ogg", "audio/ogg"),
        (b"\x1aE\xdf\xa3", "a.webm", "audio/webm", "audio/webm"),
        (b"\x00\x00\x00\x20ftypisom", "a.mp4", "", "video/mp4"),
        (b"ID3\x04", "a.mp3", "", "audio/mpeg"),
        (b"RIFF\x00\x00\x00\x00WAVE", "a.wav", "", "audio/wav"),
    ],
)  # fmt: skip
def test_content_decides_the_type(content: bytes, name: str, claimed: str, expected: str) -> None:
    assert media_type(content, name, claimed) == expected


@pytest.mark.parametrize(
    ("name", "mime", "expected"),
    [
        ("../../etc/passwd", "text/plain", "passwd"),
        ("C:\\temp\\a.txt", "text/plain", "a.txt"),
        ("a\r\nSet-Cookie: x.txt", "text/plain", "aSet-Cookie_ x.txt"),
        ("", "text/plain", "file"),
        ("...", "text/plain", "file"),
        ("photo.html", "image/png", "photo.png"),
        ("x" * 300 + ".txt", "text/plain", "x" * 100 + ".txt"),
        ("e\u0301te\u0301.txt", "text/plain", "été.txt"),
        ("a\u202egnp.exe", "text/plain", "agnp.exe"),
    ],
)
def test_names_are_harmless(name: str, mime: str, expected: str) -> None:
    assert safe_name(name, mime) == expected


def test_parse_wraps_every_reason(tenant_a: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read().upper())")
    bad.write_text("import time; time.sleep(30)")
    with use(tenant_a):
        assert services.files().parse(good, b"abc") == b"ABC"
        with pytest.raises(Problem) as caught:
            services.files().parse(bad, b"", timeout=0.5)
    assert (caught.value.status, caught.value.code, caught.value.extra) == (
        422, "file_not_readable", {"reason": "timeout"},
    )  # fmt: skip


# --- serving ------------------------------------------------------------------------------------


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_a_signed_address_serves_to_anyone_with_harmless_headers(
    tenant_a: Any, client_for: Any
) -> None:
    stored = save(tenant_a, "photo.png", bitmap("PNG"), "image/png")
    response = client_for(tenant_a).get(stored.url)
    assert response.status_code == 200
    headers = {
        name: response.headers[name]
        for name in (
            "Content-Type",
            "Content-Length",
            "Content-Disposition",
            "Accept-Ranges",
            "X-Content-Type-Options",
            "Content-Security-Policy",
            "Cross-Origin-Resource-Policy",
            "Cache-Control",
        )
    }
    assert headers == {
        "Content-Type": "image/png",
        "Content-Length": str(stored.size),
        "Content-Disposition": 'inline; filename="photo.png"',
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, max-age=86400, immutable",
    }
    assert response.block_size == 65536
    assert len(body(response)) == stored.size


@pytest.mark.parametrize(
    ("name", "content", "mime"),
    [
        ("a.html", b"<script>alert(1)</script>", "text/html"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "image/svg+xml"),
        ("a.pdf", b"%PDF-1.7 ...", "application/pdf"),
        ("a.js", b"alert(1)", "text/javascript"),
    ],
)
def test_what_could_run_is_only_offered_for_download(
    tenant_a: Any, client_for: Any, name: str, content: bytes, mime: str
) -> None:
    stored = save(tenant_a, name, content, mime)
    response = client_for(tenant_a).get(stored.url)
    assert (response.status_code, response["Content-Type"], response["Content-Disposition"]) == (
        200, "application/octet-stream", f'attachment; filename="{name}"',
    )  # fmt: skip
    assert body(response) == content


def test_another_space_and_a_changed_address_answer_404(
    tenant_a: Any, tenant_b: Any, client_for: Any
) -> None:
    here = save(tenant_a, "a.txt", b"secret of a", "text/plain")
    there = save(tenant_b, "b.txt", b"secret of b", "text/plain")
    with use(tenant_b):
        # The same id in both spaces: only the signature tells them apart.
        record = StoredFileRecord.objects.get(pk=there.id)
        default_storage.save(
            f"files/{here.id.hex[:2]}/{here.id}", default_storage.open(record.path)
        )
        StoredFileRecord.objects.create(
            id=here.id, name="b.txt", mime="text/plain", size=11, sha256="0" * 64, purpose="t"
        )
    _, _, identifier, signature, name = here.url.split("/")
    other = there.url.split("/")
    tried = {
        "own": here.url,
        "name is free": f"/files/{identifier}/{signature}/renamed.txt",
        "cut signature": f"/files/{identifier}/{signature[:-1]}/{name}",
        "signature of another file": f"/files/{identifier}/{other[3]}/{name}",
        "unknown id": f"/files/{uuid4()}/{signature}/{name}",
    }
    answers = {key: client_for(tenant_a).get(url).status_code for key, url in tried.items()}
    assert answers == {
        "own": 200,
        "name is free": 200,
        "cut signature": 404,
        "signature of another file": 404,
        "unknown id": 404,
    }
    foreign = client_for(tenant_b).get(here.url)
    assert (foreign.status_code, b"secret" in foreign.content) == (404, False)
    assert client_for(tenant_a).post(here.url).status_code == 405


def test_addresses_expire_after_a_day(
    tenant_a: Any, client_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    from django.core import signing

    stored = save(tenant_a, "a.txt", b"x", "text/plain")
    client = client_for(tenant_a)
    now = time.time()
    for later, expected in ((86_390, 200), (86_410, 404)):
        monkeypatch.setattr(signing.time, "time", lambda later=later: now + later)
        assert client.get(stored.url).status_code == expected


@pytest.mark.parametrize(
    ("header", "status", "expected", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-50", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=5-999", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=5-2", 200, b"0123456789", ""),
        ("bytes=0-1,4-5", 200, b"0123456789", ""),
        ("lines=1-2", 200, b"0123456789", ""),
        ("bytes=-", 200, b"0123456789", ""),
    ],
)
def test_ranges(
    tenant_a: Any, client_for: Any, header: str, status: int, expected: bytes, content_range: str
) -> None:
    stored = save(tenant_a, "a.txt", b"0123456789", "text/plain")
    response = client_for(tenant_a).get(stored.url, headers={"Range": header})
    content = body(response) if response.streaming else response.content
    found = (response.status_code, content, response.headers.get("Content-Range", ""))
    assert found == (status, expected, content_range)
    if status != 416:
        assert response["Content-Length"] == str(len(expected))


def test_a_range_of_an_empty_header_is_none() -> None:
    assert (wanted_range("", 10), wanted_range("bytes=0-0", 10)) == (None, (0, 0))


# --- personal data ------------------------------------------------------------------------------


def test_export_and_erasure_of_a_persons_files(tenant_a: Any, tenant_b: Any) -> None:
    ana, ben = uuid4(), uuid4()
    own = save(tenant_a, "cv.txt", b"cv", "text/plain", owner=ana, purpose="person.photo")
    shared = save(tenant_a, "q.txt", b"question", "text/plain", owner=ana, purpose="quiz.media")
    other = save(tenant_a, "o.txt", b"other", "text/plain", owner=ben, purpose="person.photo")
    foreign = save(tenant_b, "f.txt", b"foreign", "text/plain", owner=ana, purpose="person.photo")
    data = FilesPersonalData()
    with use(tenant_a):
        ctx = services.contexts().current()
        exported = list(data.export(ctx, ana))
        assert [(file.name, file.content) for file in exported[1:]] == [
            (f"files/{own.id}/cv.txt", b"cv"),
            (f"files/{shared.id}/q.txt", b"question"),
        ]
        assert [entry["name"] for entry in exported[0].data] == ["cv.txt", "q.txt"]
        assert (data.erase(ctx, ana), data.erase(ctx, ana)) == (2, 0)
        rows = StoredFileRecord.objects.order_by("name").values_list("id", "owner")
        assert list(rows) == [(other.id, ben), (shared.id, None)]
    with use(tenant_b):
        assert list(StoredFileRecord.objects.values_list("id", "owner")) == [(foreign.id, ana)]
