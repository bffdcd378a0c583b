"""What happens to a space after its creation: suspension, deletion with grace, erasure."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.cache import caches
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from tenants import locks, registry, steps, storage
from tenants.context import public, public_write, use
from tenants.db.base import PUBLIC, quoted
from tenants.errors import TenancyError, WrongStatus, status_label
from tenants.models import DeletionProof, Domain, SchemaState, Tenant
from tenants.registry import TenantInfo
from tenants.routers import shared_labels
from tremplin.kernel import audit, gate
from tremplin.kernel.realtime.publishing import kick

log = logging.getLogger(__name__)

GRACE = timedelta(days=30)
KEY_LOCK_TIMEOUT = "1s"
KEY_ATTEMPTS = 30
LOCK_NOT_AVAILABLE = "55P03"


class LockNotFree(TenancyError):
    code = "lock_not_free"
    message = (
        "The space “%(slug)s” could not be erased yet: other work holds its tables. Try again."
    )


def _row(tenant: TenantInfo | Tenant) -> Tenant:
    row: Tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
    return row


def _change(
    tenant: TenantInfo | Tenant,
    allowed: frozenset[str],
    change: Callable[[Tenant], dict[str, Any]],
    kind: str = "",
) -> TenantInfo:
    """Apply ``change`` to the locked row when its status is in ``allowed``.

    The change and its entry ``kind`` in the space's audit log are one transaction.
    """
    with public(), public_write("lifecycle"), transaction.atomic():
        row = _row(tenant)
        if row.status not in allowed:
            raise WrongStatus(slug=row.slug, status=status_label(row.status))
        values = change(row)
        Tenant.objects.filter(pk=row.pk).update(**values)
        registry.bump_epoch()
        row.refresh_from_db()
        info = registry.load([row])[0]
        if kind:
            with use(info):
                audit.record(kind, data={"reason": row.status_reason})
        return info


def suspend(tenant: TenantInfo | Tenant, reason: str) -> TenantInfo:
    """Close a space to its people but for sign-in and export. Raises ``WrongStatus``."""
    info = _change(
        tenant,
        frozenset({"active"}),
        lambda row: {
            "status": Tenant.Status.SUSPENDED,
            "status_reason": reason[:200],
            "suspended_at": timezone.now(),
        },
        "tenants.space_suspended",
    )
    _leave_pages(info)
    return info


def resume(tenant: TenantInfo | Tenant) -> TenantInfo:
    """Serve a suspended space again, or end a maintenance. Raises ``WrongStatus``."""
    return _change(
        tenant,
        frozenset({"suspended", "maintenance"}),
        lambda row: {
            "status": Tenant.Status.ACTIVE,
            "status_reason": "",
            "suspended_at": None,
        },
        "tenants.space_resumed",
    )


def start_maintenance(tenant: TenantInfo | Tenant, reason: str) -> TenantInfo:
    """Answer 503 on every page of a space while it is restored or moved."""
    return _change(
        tenant,
        frozenset({"active", "suspended"}),
        lambda row: {"status": Tenant.Status.MAINTENANCE, "status_reason": reason[:200]},
    )


def schedule_deletion(
    tenant: TenantInfo | Tenant, *, grace: timedelta = GRACE, reason: str = ""
) -> datetime:
    """Hide a space at once (404) and return when it may be erased. Raises ``WrongStatus``.

    The operator's own space is never deleted.
    """
    when = timezone.now() + grace
    if tenant.kind == Tenant.Kind.HQ:
        raise WrongStatus("The operator's own space cannot be deleted.")
    info = _change(
        tenant,
        frozenset({"active", "suspended", "maintenance", "archived", "failed"}),
        lambda row: {
            "status": Tenant.Status.DELETING,
            "status_reason": reason[:200],
            "delete_after": when,
        },
    )
    _leave_pages(info)
    return when


def cancel_deletion(tenant: TenantInfo | Tenant) -> TenantInfo:
    """Bring a space back within its grace. Raises ``WrongStatus``."""
    return _change(
        tenant,
        frozenset({"deleting"}),
        lambda row: {
            "status": Tenant.Status.ACTIVE,
            "status_reason": "",
            "delete_after": None,
        },
    )


def _leave_pages(info: TenantInfo) -> None:
    """Close the open pages of the space, which would otherwise keep listening."""
    with use(info):
        kick(None)


# --- erasure ------------------------------------------------------------------------------------


def purge(
    tenant: TenantInfo | Tenant, *, now: datetime | None = None, archive: Path | None = None
) -> DeletionProof:
    """Erase a space whose grace has ended: schema, rows, files, cache keys.

    ``archive`` names the last archive, whose sha256 goes into the proof. Raises ``WrongStatus``
    before the end of the grace and ``LockNotFree`` when open transactions keep the tables.
    """
    with public():
        row = Tenant.objects.get(pk=tenant.pk)
        moment = now or timezone.now()
        if row.status != Tenant.Status.DELETING:
            raise WrongStatus(slug=row.slug, status=status_label(row.status))
        if row.delete_after is not None and row.delete_after > moment:
            raise WrongStatus(
                "The space “%(slug)s” may be erased from %(date)s on.",
                slug=row.slug,
                date=row.delete_after.date().isoformat(),
            )
        info = registry.load([row])[0]
        with locks.session(locks.tenant(row.pk)) as taken:
            if not taken:
                raise LockNotFree(slug=row.slug)
            return _erase(row, info, archive)


def _erase(row: Tenant, info: TenantInfo, archive: Path | None) -> DeletionProof:
    count = _count_rows(row.schema_name)
    drop_crossing_keys(row.schema_name, row.slug)
    files = storage.erase(row.uuid)
    with public_write("purge"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {quoted(row.schema_name)} CASCADE")
        gate.forget_tenant(row.pk)
        for _name, run in steps.purges():
            run(info)
        _delete_public_rows(row)
        proof = DeletionProof.objects.create(
            tenant_uuid=row.uuid,
            schema_name=row.schema_name,
            kind=row.kind,
            rows=count,
            files=files,
            archive_sha256=_sha256(archive) if archive else "",
            requested_at=row.delete_after,
        )
        registry.bump_epoch()
    _clear_cache(info)
    log.info("space erased", extra={"tenant": str(row.uuid), "rows": count, "files": files})
    return proof


def drop_crossing_keys(schema: str, slug: str = "") -> int:
    """Drop the foreign keys of ``schema`` to ``public`` in a transaction of their own.

    ``DROP SCHEMA`` alone would lock ``public.django_content_type`` exclusively, wait for any open
    transaction that merely read it, and stall every space behind itself. A short lock timeout
    with retries lets the others through. Raises ``LockNotFree``.
    """
    for attempt in range(KEY_ATTEMPTS):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{KEY_LOCK_TIMEOUT}'")
                cursor.execute(
                    "SELECT r.relname, k.conname FROM pg_constraint k"
                    " JOIN pg_class r ON r.oid = k.conrelid"
                    " JOIN pg_class f ON f.oid = k.confrelid"
                    " WHERE k.contype = 'f' AND r.relnamespace = to_regnamespace(%s)"
                    " AND f.relnamespace = to_regnamespace(%s) ORDER BY 1, 2",
                    [quoted(schema), PUBLIC],
                )
                keys = cursor.fetchall()
                for table, name in keys:
                    cursor.execute(
                        f"ALTER TABLE {quoted(schema)}.{quoted(table)}"
                        f" DROP CONSTRAINT {quoted(name)}"
                    )
                return len(keys)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            time.sleep(min(0.1 * 2**attempt, 2.0))
    raise LockNotFree(slug=slug or schema)


def _count_rows(schema: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(%s)",
            [quoted(schema)],
        )
        names = [name for (name,) in cursor.fetchall()]
        if not names:
            return 0
        parts = " + ".join(
            f"(SELECT count(*) FROM {quoted(schema)}.{quoted(name)})" for name in names
        )
        cursor.execute(f"SELECT {parts}")
        return int(cursor.fetchone()[0])


def _delete_public_rows(row: Tenant) -> None:
    """Delete every shared row that names the space, whether by a key or by a plain integer."""
    Domain.objects.filter(tenant=row).delete()
    SchemaState.objects.filter(schema_name=row.schema_name).delete()
    for model in apps.get_models():
        if model._meta.app_label not in shared_labels() or model is Domain:
            continue
        if any(field.attname == "tenant_id" for field in model._meta.concrete_fields):
            model._default_manager.filter(tenant_id=row.pk).delete()
    Tenant.objects.filter(pk=row.pk).delete()


def _clear_cache(info: TenantInfo) -> None:
    """Drop what caches still hold; keys of the space are never asked for again."""
    with use(info):
        for cache in caches.all(initialized_only=True):
            delete_pattern = getattr(cache, "delete_pattern", None)
            if delete_pattern is not None:
                delete_pattern("*")


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def due_for_erasure(now: datetime | None = None) -> list[TenantInfo]:
    """Return the spaces whose grace has ended."""
    return registry.load(
        Tenant.objects.filter(
            status=Tenant.Status.DELETING, delete_after__lte=now or timezone.now()
        ).order_by("pk")
    )
