"""Pictures of a listing: sent by the operator or shipped with the module, always written anew.

A picture is decoded in a limited child process and only what that child writes is kept. Readers get
those without words in them and those in their language.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils.translation import gettext as _

from tremplin.api import Problem, services
from tremplin.marketplace.models import Listing, Screenshot

if TYPE_CHECKING:
    from tremplin.kernel.registry import PluginEntry

SCRIPT = Path(__file__).parent / "internal" / "screenshot_image.py"
FOLDER = "screenshots"
MANY = 12
MEBIBYTE = 1024 * 1024
MAX_BYTES = 5 * MEBIBYTE
MIN_SIDE = 320  # pixels
MAX_ALT = 200


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept: WebP bytes, sides in pixels."""

    content: bytes
    width: int
    height: int


def for_reader(listing: Listing, language: str) -> list[Screenshot]:
    """Return the pictures that a reader of ``language`` is shown, without their bytes."""
    return list(_of(listing).filter(Q(language="") | Q(language=language[:2])))


def covers(language: str) -> dict[str, Screenshot]:
    """Return the first picture of each listing for a reader of ``language``, in one query."""
    rows = (
        Screenshot.objects.filter(Q(language="") | Q(language=language[:2]))
        .order_by("listing_id", "position", "created_at")
        .distinct("listing_id")
        .only("id", "listing_id", "width", "height")
    )
    return {row.listing_id: row for row in rows}


def every(listing: Listing) -> list[Screenshot]:
    """Return all pictures of a listing in their order, without their bytes."""
    return list(_of(listing))


def add(
    listing: Listing,
    content: bytes,
    *,
    alt_en: str,
    alt_fr: str,
    language: str = "",
) -> Screenshot:
    """Write a picture anew and put it after the others; the same one twice stays one.

    Raises ``Problem``: 413 ``file_too_large``, 422 ``file_not_readable``,
    ``screenshot_too_small`` or ``screenshots_full``.
    """
    if len(content) > MAX_BYTES:
        raise Problem(
            413,
            "file_too_large",
            _("This picture is larger than %(limit)d MB: choose a smaller one.")
            % {"limit": MAX_BYTES // MEBIBYTE},
        )
    texts = {"en": alt_en, "fr": alt_fr, "language": language}
    return _store(listing, anew(content), texts, is_shipped=False)


def _store(
    listing: Listing, picture: Picture, texts: Mapping[str, str], *, is_shipped: bool
) -> Screenshot:
    digest = hashlib.sha256(picture.content).hexdigest()
    with transaction.atomic(), services.tenancy().public_write("screenshot"):
        row = Listing.objects.select_for_update().get(pk=listing.pk)
        known = Screenshot.objects.filter(listing=row).defer("content")
        same = known.filter(sha256=digest).first()
        if same is not None:
            return same
        if known.count() >= MANY:
            raise Problem(
                422,
                "screenshots_full",
                _("A listing has %(many)d pictures at most: remove one first.") % {"many": MANY},
            )
        last = known.aggregate(last=Max("position"))["last"]
        return Screenshot.objects.create(
            listing=row,
            position=0 if last is None else last + 1,
            language=texts.get("language", "")[:2],
            alt_en=texts["en"][:MAX_ALT],
            alt_fr=texts["fr"][:MAX_ALT],
            width=picture.width,
            height=picture.height,
            sha256=digest,
            content=picture.content,
            is_shipped=is_shipped,
        )


def remove(listing: Listing, screenshot: UUID) -> bool:
    """Remove a picture; tell whether it was there."""
    with transaction.atomic(), services.tenancy().public_write("screenshot"):
        return bool(Screenshot.objects.filter(listing=listing, pk=screenshot).delete()[0])


def shift(listing: Listing, screenshot: UUID, by: int) -> None:
    """Move a picture one place towards the start (-1) or the end (1); at the ends it stays."""
    with transaction.atomic(), services.tenancy().public_write("screenshot"):
        Listing.objects.select_for_update().get(pk=listing.pk)
        order = every(listing)
        here = next((n for n, row in enumerate(order) if row.pk == screenshot), None)
        if here is None or not 0 <= here + by < len(order):
            return
        order.insert(here + by, order.pop(here))
        for position, row in enumerate(order):
            Screenshot.objects.filter(pk=row.pk).update(position=position)


def take_shipped(entry: PluginEntry, listing: Listing, *, is_ours: bool) -> int:
    """Put the pictures that a module ships in the place of those of its former version.

    They are listed in ``screenshots/screenshots.json`` of its package. One that cannot be read is
    left out: the module's other pictures and its listing are worth having. Pictures of the platform
    itself are kept as they are: they were written by ``add`` once. Return how many.
    """
    with services.tenancy().public_write("screenshot"):
        Screenshot.objects.filter(listing=listing, is_shipped=True).delete()
    kept = 0
    for path, texts in shipped(entry):
        content = path.read_bytes()
        try:
            picture = _own(content, texts) if is_ours else anew(content)
            _store(listing, picture, texts, is_shipped=True)
        except Problem:
            continue
        kept += 1
    return kept


def shipped(entry: PluginEntry) -> list[tuple[Path, dict[str, str]]]:
    """Return the files and texts of the pictures in a module's package, none when ill-formed."""
    folder = package_folder(entry)
    if folder is None or not (folder / FOLDER / "screenshots.json").is_file():
        return []
    try:
        rows = json.loads((folder / FOLDER / "screenshots.json").read_text(encoding="utf-8"))
        found = [
            (folder / FOLDER / Path(row["file"]).name, {str(k): str(v) for k, v in row.items()})
            for row in rows
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []
    return [
        (path, texts) for path, texts in found if path.is_file() and {"en", "fr"} <= texts.keys()
    ][:MANY]


def package_folder(entry: PluginEntry) -> Path | None:
    """Return the folder of a module's package, None when it has none."""
    if entry.manifest is None:
        return None
    try:
        spec = importlib.util.find_spec(entry.manifest.django_app)
    except ModuleNotFoundError:
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def anew(content: bytes) -> Picture:
    """Decode a picture in a limited child and return what that child wrote. Raises ``Problem``."""
    answer = services.files().parse(SCRIPT, content, memory_mb=512)
    head, _newline, data = answer.partition(b"\n")
    width, height = (int(side) for side in head.split())
    if width < MIN_SIDE or height < MIN_SIDE:
        raise Problem(
            422,
            "screenshot_too_small",
            _("This picture has less than %(side)d pixels on a side: nobody could read it.")
            % {"side": MIN_SIDE},
        )
    return Picture(data, width, height)


def _own(content: bytes, texts: Mapping[str, str]) -> Picture:
    width, _by, height = texts.get("size", "").partition("x")
    return Picture(content, int(width), int(height))


def _of(listing: Listing) -> QuerySet[Screenshot]:
    return Screenshot.objects.filter(listing=listing).defer("content")
