"""The audit log as a signed archive that a third party can check without the platform.

A zip of ``events.jsonl``, ``events.csv``, ``manifest.json`` (space, period, number of rows, SHA-256
of each file, first and last hash of the chain) and ``manifest.sig``, the Ed25519 signature of the
manifest (RFC 8032) under a key of this space, whose public half the manifest and the page show.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import tempfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db.models import QuerySet

from tremplin.kernel import audit, clock
from tremplin.kernel.current import tenant_required
from tremplin.kernel.models import AuditEvent

FORMAT = "tremplin-audit/1"
EVENTS, SHEET, MANIFEST, SIGNATURE = "events.jsonl", "events.csv", "manifest.json", "manifest.sig"
_BATCH = 2_000
_LARGEST_MANIFEST = 1024 * 1024


def _key() -> Ed25519PrivateKey:
    """Return the signing key of the current space, derived from the platform's secret."""
    purpose = b"audit-export:" + tenant_required().uuid.bytes
    return Ed25519PrivateKey.from_private_bytes(
        hmac.new(settings.SECRET_KEY.encode(), purpose, "sha256").digest()
    )


def public_key() -> str:
    """Return the key that checks the archives of the current space, in base64."""
    raw = _key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode("ascii")


class _Digest:
    """Writes through and keeps the size and the SHA-256 of what went by."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target, self._hash, self.size = target, hashlib.sha256(), 0

    def write(self, text: str) -> None:
        data = text.encode()
        self._target.write(data)
        self._hash.update(data)
        self.size += len(data)

    def described(self) -> dict[str, object]:
        return {"bytes": self.size, "sha256": self._hash.hexdigest()}


def write(
    file: IO[bytes],
    rows: QuerySet[AuditEvent],
    *,
    filters: Mapping[str, str],
    by: UUID | None = None,
) -> dict[str, Any]:
    """Write the archive of ``rows`` to ``file`` (seekable) and return its manifest.

    ``filters`` says in words what was asked for; empty means the whole log, whose chain can then
    be recomputed from the archive alone.
    """
    tenant = tenant_required()
    first: AuditEvent | None = None
    last: AuditEvent | None = None
    count = 0
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        tempfile.TemporaryFile() as held,
    ):
        sheet = _Digest(held)
        sheet.write(audit.csv_line(audit.COLUMNS))
        with archive.open(EVENTS, "w", force_zip64=True) as entry:
            events = _Digest(entry)
            for row in rows.order_by("id").iterator(chunk_size=_BATCH):
                events.write(audit.json_row(row))
                sheet.write(audit.csv_row(row))
                first = first or row
                last = row
                count += 1
        held.seek(0)
        with archive.open(SHEET, "w", force_zip64=True) as entry:
            while block := held.read(1024 * 1024):
                entry.write(block)
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "space": {"uuid": str(tenant.uuid), "name": tenant.name, "address": tenant.slug},
            "made_at": clock.now().astimezone(UTC).isoformat(),
            "made_by": str(by) if by else "",
            "filters": dict(filters),
            "rows": count,
            "chain": {
                "first_id": first.id if first else None,
                "last_id": last.id if last else None,
                "before_first": first.prev_hash if first else "",
                "last": last.row_hash if last else "",
            },
            "files": {EVENTS: events.described(), SHEET: sheet.described()},
            "public_key": public_key(),
        }
        said = json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True).encode()
        archive.writestr(MANIFEST, said)
        archive.writestr(SIGNATURE, base64.b64encode(_key().sign(said)))
    return manifest


def check(file: IO[bytes], *, expected_key: str = "") -> list[str]:
    """Return what is wrong with an archive; nothing when it is what the space signed.

    ``expected_key`` is the key shown by the space: without it the archive only vouches for itself.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _check(archive, expected_key)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
        return [f"this is not an archive of an audit log ({type(error).__name__})"]


def _check(archive: zipfile.ZipFile, expected_key: str) -> list[str]:
    problems: list[str] = []
    with archive.open(MANIFEST) as entry:
        said = entry.read(_LARGEST_MANIFEST)
    manifest = json.loads(said)
    if expected_key and manifest["public_key"] != expected_key:
        problems.append("it was signed with another key than that of the space")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(manifest["public_key"]))
    try:
        key.verify(base64.b64decode(archive.read(SIGNATURE)), said)
    except InvalidSignature:
        problems.append("the signature does not fit the manifest")
    for name, described in manifest["files"].items():
        digest = hashlib.sha256()
        with archive.open(name) as entry:
            while block := entry.read(1024 * 1024):
                digest.update(block)
        if digest.hexdigest() != described["sha256"]:
            problems.append(f"{name} was changed")
    if not problems:
        problems += _check_rows(archive, manifest)
    return problems


def _check_rows(archive: zipfile.ZipFile, manifest: dict[str, Any]) -> list[str]:
    """Recompute the hash of every row and, for a whole log, the chain between them."""
    whole = not manifest["filters"]
    expected, count = manifest["chain"]["before_first"], 0
    with archive.open(EVENTS) as entry:
        for line in entry:
            row = _row(json.loads(line))
            if whole and row.prev_hash != expected:
                return [f"row {row.id}: a row before it was removed or changed"]
            if audit.row_hash(row) != row.row_hash:
                return [f"row {row.id}: its content was changed"]
            expected = row.row_hash
            count += 1
    if count != manifest["rows"]:
        return [f"{count} rows instead of {manifest['rows']}"]
    return []


def _row(values: dict[str, Any]) -> AuditEvent:
    actor = UUID(values["actor"]) if values["actor"] else None
    return AuditEvent(**{**values, "actor": actor, "at": datetime.fromisoformat(values["at"])})
