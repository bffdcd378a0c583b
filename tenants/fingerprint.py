"""What the code expects of a database: migrations with their sources, roles and permissions."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from django.apps import apps
from django.db.migrations.loader import MigrationLoader

from tenants import steps
from tenants.routers import shared_labels, tenant_labels


@lru_cache(maxsize=1)
def of_migrations() -> str:
    """Return the sha256 of every migration's name and source, in the order of their names."""
    labels = shared_labels() | tenant_labels()
    total = hashlib.sha256()
    for label in sorted(labels):
        name, _explicit = MigrationLoader.migrations_module(label)
        if name is None:
            continue
        try:
            module = import_module(name)
        except ModuleNotFoundError:
            continue
        folder = Path(inspect.getfile(module)).parent
        for path in sorted(folder.glob("[!_~]*.py")):
            total.update(f"{label}.{path.stem}\0".encode())
            total.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return total.hexdigest()


@lru_cache(maxsize=1)
def of_declarations() -> str:
    """Return the sha256 of models' permissions and of what applications registered."""
    total = hashlib.sha256()
    for model in apps.get_models():
        meta = model._meta
        if meta.app_label in tenant_labels():
            declared = (
                meta.label_lower,
                list(meta.default_permissions),
                list(meta.permissions),
            )
            total.update(f"{declared}\0".encode())
    for name, value in steps.fingerprints():
        total.update(f"{name}={value()}\0".encode())
    return total.hexdigest()


@lru_cache(maxsize=1)
def of_code() -> str:
    """Return the fingerprint of the code: schemas carrying it need nothing."""
    return hashlib.sha256(f"{of_migrations()} {of_declarations()}".encode()).hexdigest()


def forget() -> None:
    """Compute the fingerprints again (tests that add migrations)."""
    for cached in (of_migrations, of_declarations, of_code):
        cached.cache_clear()


def release() -> str:
    """Return the version of the installed product, or ``development`` for a bare checkout."""
    try:
        return importlib.metadata.version("tremplin")
    except importlib.metadata.PackageNotFoundError:
        return "development"
