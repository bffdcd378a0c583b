"""Writing an archive: one consistent read of the schema, streamed into a zip file."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from django.apps import apps
from django.db import connection
from django.utils import timezone

from tenants import database, fingerprint, locks, storage, template
from tenants.archive import form, shared
from tenants.context import public
from tenants.db.base import quoted
from tenants.models import SchemaState
from tenants.registry import TenantInfo

Report = Callable[[str], None]

# Whoever reads these rows acts as somebody else at once: a session key is stored as the browser
# sends it. An archive leaves their tables empty, so after a restore everybody signs in again.
LIVE_CREDENTIALS = (
    "sessions.Session",
    "usersessions.UserSession",
    "account.EmailConfirmation",
)


def _silent(_message: str) -> None:
    return None


def export(tenant: TenantInfo, path: Path, report: Report = _silent) -> dict[str, Any]:
    """Write the archive of ``tenant`` to ``path`` and return its manifest.

    The file appears complete or not at all. Rows come from one ``REPEATABLE READ`` transaction on
    a connection of its own, so only committed rows are seen.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with public(), zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as target:
            manifest = _write(tenant, target, report)
        temporary.chmod(0o600)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return manifest


def _write(tenant: TenantInfo, target: zipfile.ZipFile, report: Report) -> dict[str, Any]:
    plan = template.build(tenant.schema_name)
    sections = {name: getattr(plan, name) for name in form.SECTIONS}
    members: dict[str, dict[str, Any]] = {}
    with locks.own_connection() as raw:
        raw.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        tables = {
            table.name: _table(raw, tenant.schema_name, table, target) for table in plan.shape
        }
        sequences = _sequences(raw, tenant.schema_name)
        migrations = raw.execute(
            f"SELECT app, name FROM {quoted(tenant.schema_name)}.django_migrations ORDER BY id"
        ).fetchall()
        types = raw.execute(
            "SELECT id, app_label, model FROM public.django_content_type ORDER BY id"
        ).fetchall()
        raw.execute("COMMIT")
    report(f"{sum(facts['rows'] for facts in tables.values())} rows.")
    _member(target, members, form.SCHEMA, form.schema_text(sections))
    rows = json.dumps(shared.rows_of(tenant.pk), ensure_ascii=False, indent=1, sort_keys=True)
    _member(target, members, form.PUBLIC, rows)
    files = _files(tenant, target)
    report(f"{len(files)} files.")
    manifest = {
        "format": form.NAME,
        "version": form.VERSION,
        "release": fingerprint.release(),
        "postgresql": database.facts().version,
        "created_at": timezone.now().isoformat(),
        "fingerprint": SchemaState.objects.get(schema_name=tenant.schema_name).fingerprint,
        "tenant": {
            "uuid": str(tenant.uuid),
            "schema_name": tenant.schema_name,
            "slug": tenant.slug,
            "name": tenant.name,
            "kind": tenant.kind,
            "locale": tenant.locale,
            "timezone": tenant.timezone,
            "theme": tenant.theme,
            "email": tenant.email,
        },
        "migrations": [list(row) for row in migrations],
        "content_types": [list(row) for row in types],
        "members": members,
        "tables": tables,
        "sequences": sequences,
        "files": files,
    }
    target.writestr(form.MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
    return manifest


def _member(
    target: zipfile.ZipFile, members: dict[str, dict[str, Any]], name: str, text: str
) -> None:
    tally = form.Tally()
    tally.add(text.encode())
    target.writestr(name, text)
    members[name] = {"size": tally.size, "sha256": tally.sha256}


def _table(
    raw: psycopg.Connection[Any], schema: str, table: template.Table, target: zipfile.ZipFile
) -> dict[str, Any]:
    columns = [column.name for column in table.stored]
    names = ", ".join(quoted(name) for name in columns)
    rows_of = f"SELECT {names} FROM {quoted(schema)}.{quoted(table.name)}"
    if table.name in _live_tables():
        rows_of += " WHERE false"
    tally = form.Tally()
    with (
        target.open(f"{form.DATA}{table.name}.copy", "w", force_zip64=True) as member,
        raw.cursor() as cursor,
        cursor.copy(f"COPY ({rows_of}) TO STDOUT") as rows,
    ):
        for block in rows:
            tally.add(bytes(block))
            member.write(block)
    return {"columns": columns, "rows": tally.rows, "sha256": tally.sha256}


def _live_tables() -> frozenset[str]:
    """Return the tables of ``LIVE_CREDENTIALS`` that are installed."""
    wanted = {label.lower() for label in LIVE_CREDENTIALS}
    return frozenset(
        model._meta.db_table for model in apps.get_models() if model._meta.label_lower in wanted
    )


def _sequences(raw: psycopg.Connection[Any], schema: str) -> dict[str, list[Any]]:
    names = raw.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = to_regnamespace(%s)"
        ' ORDER BY relname COLLATE "C"',
        [quoted(schema)],
    ).fetchall()
    found = {}
    for (name,) in names:
        row = raw.execute(
            f"SELECT last_value, is_called FROM {quoted(schema)}.{quoted(name)}"
        ).fetchone()
        found[name] = list(row or ())
    return found


def _files(tenant: TenantInfo, target: zipfile.ZipFile) -> dict[str, dict[str, Any]]:
    folder = storage.folder_of(tenant.uuid)
    found: dict[str, dict[str, Any]] = {}
    if not folder.exists():
        return found
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        name = path.relative_to(folder).as_posix()
        tally = form.Tally()
        with path.open("rb") as source, target.open(f"{form.FILES}{name}", "w") as member:
            for block in form.blocks(source):
                tally.add(block)
                member.write(block)
        found[name] = {"size": tally.size, "sha256": tally.sha256}
    return found


def schema_rows(schema: str) -> dict[str, int]:
    """Return the number of rows of every table of ``schema``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(%s)",
            [quoted(schema)],
        )
        names = [name for (name,) in cursor.fetchall()]
        counts = {}
        for name in names:
            cursor.execute(f"SELECT count(*) FROM {quoted(schema)}.{quoted(name)}")
            counts[name] = int(cursor.fetchone()[0])
    return counts
