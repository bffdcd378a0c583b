"""Pictures of listings: hostile ones refused in a child, good ones written anew, shown to readers."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

pytestmark = pytest.mark.usefixtures("listed")
TEXTS = {"alt_en": "The bank", "alt_fr": "La banque"}
PATH = "/platform/listings/quiz/screens/"
UNREADABLE = "Ce fichier est abîmé ou n’est pas du type attendu"


def picture(width: int = 800, height: int = 500, kind: str = "PNG", colour: str = "navy") -> bytes:
    target = io.BytesIO()
    image = Image.new("RGB", (width, height), colour)
    exif = Image.Exif()
    exif[0x010E] = "Taken at 12 rue des Lilas"
    image.save(target, kind, exif=exif)
    return target.getvalue()


def bomb() -> bytes:
    """A PNG of some bytes that claims 50,000 by 50,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def send(client: Client, content: bytes, name: str = "a.png", **more: str) -> tuple[int, str]:
    sent = SimpleUploadedFile(name, content, "image/png")
    answer = client.post(PATH, {**TEXTS, "picture": sent, **more})
    return answer.status_code, answer.content.decode()


def test_a_picture_is_written_anew_and_shown_to_spaces(
    hq: TenantInfo, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tenants.context import public_write
    from tremplin.marketplace.models import Screenshot

    with public_write("test"):
        Screenshot.objects.all().delete()
    operator, admin = admin_of(hq, "platform_admin"), admin_of(tenant_a)
    sent = picture(2400, 1500, "JPEG")
    assert b"rue des Lilas" in sent
    assert send(operator, sent, "a.jpg")[0] == 302
    (found,) = Screenshot.objects.all()
    assert (found.width, found.height, found.position) == (1600, 1000, 0)
    address = f"/console/modules/quiz/screens/{found.pk}/"
    page = admin.get("/console/modules/quiz/").content.decode()
    assert page.count('data-testid="screen"') == 1
    assert address in page
    assert 'alt="La banque"' in page
    answer = admin.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert Image.open(io.BytesIO(answer.content)).size == (1600, 1000)
    assert b"rue des Lilas" not in answer.content
    assert admin.get(address, headers={"if-none-match": answer["ETag"]}).status_code == 304
    assert admin.get(f"{PATH}{found.pk}/").status_code == 404
    assert operator.get(f"{PATH}{found.pk}/").status_code == 200
    # The same picture again stays one.
    send(operator, sent, "a.jpg")
    assert Screenshot.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "name", "status", "text"),
    [
        (b"MZ\x90\x00" + bytes(range(256)) * 40, "shot.png", 422, UNREADABLE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "a.svg", 422, UNREADABLE),
        (bomb(), "bomb.png", 422, UNREADABLE),
        (picture(kind="GIF"), "a.gif", 422, UNREADABLE),
        (picture()[:200], "cut.png", 422, UNREADABLE),
        (picture(200, 200), "small.png", 422, "moins de 320 pixels sur un côté"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * (5 * 1024 * 1024), "huge.png", 422, "dépasse 5 Mo"),
        (b"", "empty.png", 422, "vide"),
    ],
    ids=["program", "svg", "bomb", "gif", "cut", "small", "huge", "empty"],
)
def test_a_hostile_picture_is_refused_in_words(
    hq: TenantInfo,
    admin_of: Callable[..., Client],
    content: bytes,
    name: str,
    status: int,
    text: str,
) -> None:
    from tremplin.marketplace.models import Screenshot

    before = Screenshot.objects.count()
    answered, page = send(admin_of(hq, "platform_admin"), content, name)
    assert answered == status
    assert text in page
    assert Screenshot.objects.count() == before


def test_order_removal_and_the_most(hq: TenantInfo, admin_of: Callable[..., Client]) -> None:
    from tenants.context import public_write
    from tremplin.marketplace import screenshots
    from tremplin.marketplace.models import Listing, Screenshot

    with public_write("test"):
        Screenshot.objects.all().delete()
    operator = admin_of(hq, "platform_admin")
    listing = Listing.objects.get(pk="quiz")
    for number in range(screenshots.MANY):
        text = f"Number {number}"
        send(operator, picture(400 + number), alt_en=text)
    ids = [shot.pk for shot in screenshots.every(listing)]
    assert [shot.alt_en for shot in screenshots.every(listing)] == [
        f"Number {number}" for number in range(12)
    ]
    status, page = send(operator, picture(500))
    assert status == 422
    assert "12 images au plus" in page

    def act(number: int, action: str) -> list[str]:
        operator.post(f"{PATH}{ids[number]}/change/", {"action": action})
        return [shot.alt_en.removeprefix("Number ") for shot in screenshots.every(listing)][:4]

    assert act(0, "up") == ["0", "1", "2", "3"]
    assert act(0, "down") == ["1", "0", "2", "3"]
    assert act(2, "up") == ["1", "2", "0", "3"]
    assert act(1, "remove") == ["2", "0", "3", "4"]
    assert operator.post(f"{PATH}{ids[1]}/change/", {"action": "up"}).status_code == 404


def test_readers_get_the_pictures_of_their_language() -> None:
    from tremplin.kernel import registry
    from tremplin.marketplace import screenshots
    from tremplin.marketplace.models import Listing

    listing, entry = Listing.objects.get(pk="quiz"), registry.get("quiz")
    assert entry is not None
    shipped = screenshots.shipped(entry)
    assert len(shipped) == 8
    for language in ("fr", "en"):
        found = screenshots.for_reader(listing, language)
        assert [shot.language for shot in found] == [language] * 4
        assert screenshots.covers(language)["quiz"].pk == found[0].pk
    # What is shipped is what the child wrote: its sizes are true and nothing is added to it.
    for path, texts in shipped:
        image = Image.open(path)
        assert (image.format, "x".join(map(str, image.size))) == ("WEBP", texts["size"])
        assert not image.getexif()
        assert path.stat().st_size < 100_000


def test_the_quiz_ships_the_report_of_its_version() -> None:
    from tremplin.kernel import registry
    from tremplin.marketplace import quality, screenshots
    from tremplin.marketplace.models import Listing
    from tremplin.testing import contract

    entry = registry.get("quiz")
    assert entry is not None
    assert entry.manifest is not None
    folder = screenshots.package_folder(entry)
    assert folder is not None
    report = quality.read_shipped(folder)
    assert report is not None
    rules = {name[10:12] for name in contract.__all__ if name.startswith("test_rule_")}
    assert set(report.rules) == rules
    assert report.version == entry.manifest.version
    assert Listing.objects.get(pk="quiz").quality == "gold"


def test_no_publisher_grades_itself() -> None:
    """A report in the package of another publisher is not believed; its pictures are decoded."""
    from unittest import mock

    from tenants.context import public_write
    from tremplin.marketplace import catalogue, services
    from tremplin.marketplace.models import Listing

    with public_write("test"):
        Listing.objects.filter(pk="quiz").delete()
    with mock.patch.object(catalogue, "OURS", "somebody else"):
        assert services.sync() == ["quiz"]
    found = Listing.objects.get(pk="quiz")
    assert (found.state, found.quality, found.quality_report) == ("draft", "", {})
    assert found.screenshots.count() == 8
