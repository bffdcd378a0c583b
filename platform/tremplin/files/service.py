"""The service ``files``: save, find, read, sign, delete and parse files of the current tenant."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote
from uuid import UUID, uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from tremplin.api import Problem, services
from tremplin.api.services import StoredFile
from tremplin.files.internal.sniff import IMAGES, OCTETS, media_type, safe_name
from tremplin.files.models import StoredFileRecord
from tremplin.kernel import limited_process
from tremplin.kernel.current import tenant_required

logger = logging.getLogger(__name__)

SIGNATURE_PURPOSE = "files"
ADDRESS_SECONDS = 24 * 3600
MEBIBYTE = 1024 * 1024
LIMITS = {"image": 10 * MEBIBYTE, "video": 200 * MEBIBYTE}  # by main type; others: OTHER_LIMIT
OTHER_LIMIT = 25 * MEBIBYTE
IMAGE_SCRIPT = Path(__file__).parent / "internal" / "reencode_image.py"


def limit_of(mime: str) -> int:
    """Return how many bytes a file of this type may have."""
    return LIMITS.get(mime.partition("/")[0], OTHER_LIMIT)


def signature_of(file: UUID) -> str:
    """Return the signature part of the address of ``file`` in the current tenant."""
    signed = services.signer().sign(SIGNATURE_PURPOSE, str(file))
    return signed.removeprefix(f"{file}:")


def is_signed(file: UUID, signature: str) -> bool:
    """Tell whether ``signature`` opens ``file`` in the current tenant now."""
    signed = f"{file}:{signature}"
    found = services.signer().unsign(SIGNATURE_PURPOSE, signed, max_age=ADDRESS_SECONDS)
    return found == str(file)


def address_of(record: StoredFileRecord) -> str:
    """Return the signed path of a file, valid for 24 hours in the current tenant only."""
    name = quote(record.name, safe="")
    return (
        reverse(
            "files:download",
            kwargs={"file": record.pk, "signature": signature_of(record.pk), "name": "-"},
        ).removesuffix("-")
        + name
    )


def _reference(record: StoredFileRecord) -> StoredFile:
    return StoredFile(record.pk, record.name, record.mime, record.size, address_of(record))


class FilesService:
    """Implements ``tremplin.api.services.Files``."""

    def save(
        self, name: str, content: bytes, *, mime: str, owner: UUID | None, purpose: str
    ) -> StoredFile:
        """Store ``content`` after recognising it; a bitmap is written anew without metadata.

        ``mime`` is the sender's word, ``purpose`` says what for (``quiz.media``); a purpose that
        starts with ``person.`` is erased with its owner. Raises ``Problem``: 422 ``file_empty``,
        413 ``file_too_large``, 422 ``file_not_readable`` (a bitmap that cannot be decoded or that
        claims to be one).
        """
        tenant_required()
        if not content:
            raise Problem(422, "file_empty", _("This file is empty: choose another one."))
        found = media_type(content, name, mime)
        self._check_size(content, found)
        if found in IMAGES:
            content, found = self._harmless_image(content)
        elif mime in IMAGES:
            raise Problem(
                422,
                "file_not_readable",
                _("This file is not a PNG, JPEG, GIF or WebP image: choose another one."),
                {"reason": "not_an_image"},
            )
        record = StoredFileRecord(
            id=uuid4(),
            name=safe_name(name, found),
            mime=found,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            owner=owner,
            purpose=purpose[:80],
        )
        default_storage.save(record.path, ContentFile(content))
        try:
            with transaction.atomic():
                record.save(force_insert=True)
        except BaseException:
            default_storage.delete(record.path)
            raise
        return _reference(record)

    def get(self, file: UUID) -> StoredFile | None:
        """Return a file of the current tenant, or None."""
        return self.many([file]).get(file)

    def many(self, files: Iterable[UUID]) -> dict[UUID, StoredFile]:
        """Return the known ones among ``files`` in one query."""
        return {r.pk: _reference(r) for r in StoredFileRecord.objects.filter(pk__in=list(files))}

    def read(self, file: UUID) -> bytes:
        """Return the bytes of a file; raise ``Problem`` 404 ``file_unknown``."""
        record = StoredFileRecord.objects.filter(pk=file).first()
        if record is None or not default_storage.exists(record.path):
            raise Problem(404, "file_unknown", _("This file does not exist any more."))
        with default_storage.open(record.path) as stream:
            data: bytes = stream.read()
        return data

    def delete(self, file: UUID) -> None:
        """Forget a file; its bytes go when the transaction commits. Unknown ids are ignored."""
        with transaction.atomic():
            record = StoredFileRecord.objects.select_for_update().filter(pk=file).first()
            if record is None:
                return
            path = default_storage.path(record.path)
            record.delete()
            transaction.on_commit(lambda: Path(path).unlink(missing_ok=True))

    def parse(
        self, script: Path, data: bytes, *, timeout: float = 15.0, memory_mb: int = 768
    ) -> bytes:
        """Run ``script`` on ``data`` in a limited child process (``kernel.limited_process``).

        Raises ``Problem`` 422 ``file_not_readable``; ``extra["reason"]`` is the kernel's code.
        """
        try:
            return limited_process.run(script, data, timeout=timeout, memory_mb=memory_mb)
        except limited_process.LimitedProcessError as error:
            logger.info("%s: %s %s", script.name, error.reason, error.detail[-500:])
            raise Problem(
                422, "file_not_readable", _explain(error.reason), {"reason": error.reason}
            ) from error

    def _check_size(self, content: bytes, mime: str) -> None:
        limit = limit_of(mime)
        if len(content) > limit:
            raise Problem(
                413,
                "file_too_large",
                _("This file is larger than %(limit)d MB: choose a smaller one.")
                % {"limit": limit // MEBIBYTE},
                {"limit": limit},
            )

    def _harmless_image(self, content: bytes) -> tuple[bytes, str]:
        answer = self.parse(IMAGE_SCRIPT, content)
        mime, _newline, data = answer.partition(b"\n")
        found = mime.decode("ascii", "replace")
        if found not in IMAGES or not data:
            raise Problem(422, "file_not_readable", _explain("failed"), {"reason": "failed"})
        return data, found


def _explain(reason: str) -> str:
    if reason in {"timeout", "cpu"}:
        return _("Reading this file takes too long: split it or save it in a simpler form.")
    if reason in {"memory", "output_too_large"}:
        return _("This file unpacks to too much data: split it or save it in a simpler form.")
    return _("This file is damaged or not of the expected kind: check it and try again.")


def served_type(record: StoredFileRecord) -> str:
    """Return the media type a browser is told: the real one when it cannot run, else octets."""
    from tremplin.files.internal.sniff import SHOWN

    return record.mime if record.mime in SHOWN else OCTETS
