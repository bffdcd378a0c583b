"""The archive of one module of one space: a zip file that says what it holds, with hashes."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass, field
from datetime import UTC
from itertools import chain, count
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction

from tenants.registry import TenantInfo
from tremplin.kernel import clock
from tremplin.kernel.settings_store import field_is_secret
from tremplin.modules.holdings import Module, ModuleError, in_space, quote

FORMAT = "tremplin-module-export"
VERSION = 1
MANIFEST = "manifest.json"
BLOCK = 64 * 1024
ROWS = 500


@dataclass(slots=True)
class _Target:
    """A zip file that remembers the size and hash of what it was given."""

    archive: zipfile.ZipFile
    members: dict[str, dict[str, Any]] = field(default_factory=dict)

    def text(self, name: str, content: Any) -> None:
        data = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True).encode()
        self.archive.writestr(name, data)
        self.members[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def stream(self, name: str, blocks: Any, **facts: Any) -> None:
        total, size = hashlib.sha256(), 0
        with self.archive.open(name, "w", force_zip64=True) as member:
            for block in blocks:
                member.write(block)
                total.update(block)
                size += len(block)
        self.members[name] = {"size": size, "sha256": total.hexdigest(), **facts}


def default_path(tenant: TenantInfo, slug: str) -> Path:
    """Return where an archive goes when nobody chose: a new name in the data folder, not the media."""
    moment = clock.now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = Path(settings.DATA_DIR) / "module-exports" / str(tenant.uuid)
    endings = chain([""], (f"-{number}" for number in count(2)))
    names = (f"{slug}-{moment}{ending}.zip" for ending in endings)
    return next(folder / name for name in names if not (folder / name).exists())


def export(tenant: TenantInfo, module: Module, path: Path) -> dict[str, Any]:
    """Write the data of ``module`` in ``tenant`` to ``path`` and return the manifest.

    The file appears complete or not at all, readable by its owner only. Rows come from one
    transaction. Values of secret settings are left out. Raises ``ModuleError``.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            raise ModuleError(f"{path} exists: an archive is never overwritten.")
        with (
            in_space(tenant),
            transaction.atomic(),
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            manifest = _write(tenant, module, _Target(archive))
        temporary.chmod(0o600)
        temporary.replace(path)
    except OSError as error:
        raise ModuleError(f"{path} cannot be written ({error.strerror}).") from error
    finally:
        temporary.unlink(missing_ok=True)
    return manifest


def _write(tenant: TenantInfo, module: Module, target: _Target) -> dict[str, Any]:
    tables = {}
    with connection.cursor() as cursor:
        for table in module.tables:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [quote(table)])
            if cursor.fetchone()[0]:
                cursor.execute(f"LOCK TABLE {quote(table)} IN SHARE MODE")
                tables[table] = _rows(target, table)
    files = _files(module, target)
    target.text("settings.json", _settings(tenant, module))
    target.text("grants.json", _grants(module))
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "module": {"slug": module.slug, "version": module.manifest.version},
        "tenant": {"uuid": str(tenant.uuid), "slug": tenant.slug, "name": tenant.name},
        "created_at": clock.now().astimezone(UTC).isoformat(),
        "tables": tables,
        "files": files,
        "members": target.members,
    }
    target.archive.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
    return manifest


def _rows(target: _Target, table: str) -> int:
    """Write one table as lines of JSON and return the number of rows."""
    count = 0

    def lines() -> Any:
        nonlocal count
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT row_to_json(t)::text FROM {quote(table)} t ORDER BY 1"  # noqa: S608
            )
            while rows := cursor.fetchmany(ROWS):
                count += len(rows)
                yield "".join(f"{row[0]}\n" for row in rows).encode()

    target.stream(f"tables/{table}.jsonl", lines())
    target.members[f"tables/{table}.jsonl"]["rows"] = count
    return count


def _files(module: Module, target: _Target) -> list[dict[str, Any]]:
    found = []
    for record in module.files().order_by("created_at", "id"):
        facts = {"id": str(record.pk), "name": record.name, "mime": record.mime}
        if not default_storage.exists(record.path):
            found.append({**facts, "missing": True})
            continue
        name = f"files/{record.pk}/{record.name}"
        with default_storage.open(record.path) as source:
            target.stream(name, iter(lambda: source.read(BLOCK), b""))  # noqa: B023  used at once
        found.append({**facts, "member": name})
    return found


def _settings(tenant: TenantInfo, module: Module) -> dict[str, Any]:
    model = module.manifest.settings
    return {
        row.key: "(secret)"
        if model is not None and row.key in model.model_fields and field_is_secret(model, row.key)
        else row.value
        for row in module.settings(tenant)
    }


def _grants(module: Module) -> list[dict[str, Any]]:
    return [
        {"table": rows.model._meta.db_table, **{key: str(value) for key, value in row.items()}}
        for rows in module.grants()
        for row in rows.order_by("pk").values()
    ]


def verify(path: Path) -> dict[str, Any]:
    """Return the manifest of an archive whose every member has the hash it says.

    Raises ``ModuleError`` for another file, a changed member, or one too many.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            if (manifest.get("format"), manifest.get("version")) != (FORMAT, VERSION):
                raise ModuleError(f"{path.name} is not the archive of a module.")
            if set(archive.namelist()) != {MANIFEST, *manifest["members"]}:
                raise ModuleError(f"{path.name} does not hold the files that it lists.")
            for name, facts in manifest["members"].items():
                total = hashlib.sha256()
                with archive.open(name) as member:
                    for block in iter(lambda: member.read(BLOCK), b""):  # noqa: B023  used at once
                        total.update(block)
                if total.hexdigest() != facts["sha256"]:
                    raise ModuleError(f"{name} was changed after the export.")
    except (OSError, zipfile.BadZipFile, ValueError, KeyError) as error:
        raise ModuleError(f"{path.name} is not the archive of a module.") from error
    return dict(manifest)
