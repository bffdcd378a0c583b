"""The tenant's audit log: append-only rows, each chained to the one before by SHA-256.

Rows hold ids and codes, never a person's free text, so that erasing a person does not break the
chain. The model refuses changes; whatever goes around it is shown by ``verify``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from django.db import connection, models, transaction

from tremplin.kernel import clock
from tremplin.kernel.current import tenant_required
from tremplin.kernel.models import AuditCheckpoint, AuditEvent
from tremplin.kernel.request_id import current_request_id

GENESIS = "0" * 64
_LOCK_CLASS = 0x7A0D17  # first key of the advisory lock: "audit" among our lock families
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person's id, or none with a label such as ``task`` or ``command``."""

    id: UUID | None
    label: str
    address: str


SYSTEM = Actor(None, "system", "")
_actor: ContextVar[Actor] = ContextVar("audit_actor", default=SYSTEM)


@contextmanager
def actor(person: UUID | None, label: str, address: str = "") -> Iterator[None]:
    """Record what happens inside as done by ``person`` (None: the machine), from ``address``.

    ``label`` says in which capacity (``person``, ``support``, ``task``), never a name.
    """
    token = _actor.set(Actor(person, label, address))
    try:
        yield
    finally:
        _actor.reset(token)


def act_as(person: UUID | None, label: str, address: str = "") -> None:
    """Record what follows in this request as done by ``person``.

    For callers who say who they are once a request is under way (keys and tokens of the API): the
    ``actor`` around the request ends it.
    """
    _actor.set(Actor(person, label, address))


def current_actor() -> Actor:
    """Return who acts now."""
    return _actor.get()


def record(kind: str, *, target: str = "", data: Mapping[str, object] | None = None) -> None:
    """Append one event to the current tenant's log, in the caller's transaction if there is one.

    ``kind`` is dotted (``security.login``), ``target`` names a thing (``person:<uuid>``), ``data``
    holds JSON values. Raises ``NoTenant`` outside a tenant and ``TypeError`` for other values.
    """
    tenant = tenant_required()
    who = _actor.get()
    clean: dict[str, Any] = json.loads(json.dumps(dict(data or {}), default=_plain))
    with transaction.atomic():
        _lock(tenant.pk)
        row = AuditEvent(
            at=clock.now().astimezone(UTC),
            kind=kind,
            actor=who.id,
            actor_label=who.label,
            target=target,
            address=who.address,
            request_id=current_request_id.get(),
            data=clean,
            prev_hash=_last_hash(),
        )
        row.row_hash = row_hash(row)
        row.save()


def row_hash(row: AuditEvent) -> str:
    """Return SHA-256 of the previous hash and the row as canonical JSON (sorted keys, UTF-8)."""
    content = {
        "at": row.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "kind": row.kind,
        "actor": str(row.actor) if row.actor else None,
        "actor_label": row.actor_label,
        "target": row.target,
        "address": row.address,
        "request_id": row.request_id,
        "data": row.data,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(row.prev_hash.encode() + canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What ``verify`` found: rows read, and the first broken row with its reason if any."""

    rows: int
    last_hash: str
    broken_id: int | None = None
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.broken_id is None


def verify(progress: Callable[[int], None] | None = None) -> AuditReport:
    """Read the current tenant's whole chain and recompute every hash.

    ``progress`` is called with the number of rows read, every two thousand of them.
    """
    tenant_required()
    checkpoint = AuditCheckpoint.objects.order_by("-id").first()
    expected = checkpoint.last_hash if checkpoint is not None else GENESIS
    floor = checkpoint.last_id if checkpoint is not None else 0
    count = 0
    for row in AuditEvent.objects.order_by("id").iterator(chunk_size=_BATCH):
        if row.id <= floor:
            return AuditReport(count, expected, row.id, "older than the retention checkpoint")
        if row.prev_hash != expected:
            return AuditReport(count, expected, row.id, "a row before it was removed or changed")
        if row.row_hash != row_hash(row):
            return AuditReport(count, expected, row.id, "its content was changed")
        expected = row.row_hash
        count += 1
        if progress is not None and count % _BATCH == 0:
            progress(count)
    return AuditReport(count, expected)


def apply_retention(before: datetime) -> int:
    """Remove the rows older than ``before`` and return how many.

    Only a whole prefix of the chain goes, after a checkpoint row has kept its last hash.
    """
    tenant = tenant_required()
    with transaction.atomic():
        _lock(tenant.pk)
        keep = AuditEvent.objects.filter(at__gte=before).order_by("id").first()
        old = AuditEvent.objects.order_by("id")
        if keep is not None:
            old = old.filter(id__lt=keep.id)
        last = old.last()
        if last is None:
            return 0
        removed = old.count()
        AuditCheckpoint(
            at=clock.now(), last_id=last.id, last_hash=last.row_hash, removed=removed
        ).save()
        # The append-only query set refuses to delete; retention is the one service that may.
        models.QuerySet.delete(AuditEvent.objects.filter(id__lte=last.id))
        return removed


COLUMNS = (
    "id",
    "at",
    "kind",
    "actor",
    "actor_label",
    "target",
    "address",
    "request_id",
    "data",
    "prev_hash",
    "row_hash",
)


def export(
    form: Literal["csv", "json"] = "csv",
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    kind_prefix: str = "",
) -> Iterator[str]:
    """Yield the log of the current tenant, oldest first, as CSV lines or JSON lines.

    ``since`` is included, ``until`` is not; ``kind_prefix`` keeps ``security.`` for instance. A
    cell that a spreadsheet would run as a formula is prefixed with an apostrophe.
    """
    tenant_required()
    rows = AuditEvent.objects.order_by("id")
    if since is not None:
        rows = rows.filter(at__gte=since)
    if until is not None:
        rows = rows.filter(at__lt=until)
    if kind_prefix:
        rows = rows.filter(kind__startswith=kind_prefix)
    if form == "csv":
        yield csv_line(COLUMNS)
    for row in rows.iterator(chunk_size=_BATCH):
        yield json_row(row) if form == "json" else csv_row(row)


def json_row(row: AuditEvent) -> str:
    """Return one event as a line of JSON."""
    values = {name: getattr(row, name) for name in COLUMNS}
    values["at"] = row.at.astimezone(UTC).isoformat()
    values["actor"] = str(row.actor) if row.actor else ""
    return json.dumps(values, ensure_ascii=False) + "\n"


def csv_row(row: AuditEvent) -> str:
    """Return one event as a line of CSV."""
    values = {name: getattr(row, name) for name in COLUMNS}
    values["at"] = row.at.astimezone(UTC).isoformat()
    values["actor"] = str(row.actor) if row.actor else ""
    values["data"] = json.dumps(row.data, ensure_ascii=False, sort_keys=True)
    return csv_line([str(values[name]) for name in COLUMNS])


def csv_line(cells: Iterable[str]) -> str:
    """Return ``cells`` as a line of CSV, harmless for a spreadsheet."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_harmless(cell) for cell in cells])
    return buffer.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell


def _plain(value: object) -> str:
    if isinstance(value, UUID | datetime):
        return str(value)
    raise TypeError(f"audit data holds JSON values, not {type(value).__name__}")


def _lock(tenant_pk: int) -> None:
    """Hold the tenant's chain until the end of the transaction, so that hashes never fork."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, tenant_pk])


def _last_hash() -> str:
    last = AuditEvent.objects.order_by("-id").values_list("row_hash", flat=True).first()
    if last is not None:
        return str(last)
    kept = AuditCheckpoint.objects.order_by("-id").values_list("last_hash", flat=True).first()
    return str(kept) if kept is not None else GENESIS


class AuditLog:
    """The service ``audit``."""

    def record(
        self, kind: str, *, target: str = "", data: Mapping[str, object] | None = None
    ) -> None:
        record(kind, target=target, data=data)
