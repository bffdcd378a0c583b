"""Content types with the same ids in every database, so that a tenant may move between cells.

The id is ``crc32("app.model") & 0x7fffffff``. Rows are never deleted: a stale one is harmless,
while deleting one fails on tables that the schema at hand does not have.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model

TABLE = "public.django_content_type"


def stable_id(app_label: str, model: str) -> int:
    """Return the content type id of ``app_label.model`` (31 bits)."""
    return zlib.crc32(f"{app_label}.{model}".encode()) & 0x7FFFFFFF


def collisions(names: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the pairs of ``app.model`` that share an id."""
    seen: dict[int, str] = {}
    found = []
    for app_label, model in names:
        name = f"{app_label}.{model}"
        other = seen.setdefault(stable_id(app_label, model), name)
        if other != name:
            found.append((other, name))
    return found


def installed() -> list[tuple[str, str]]:
    """Return (label, model) of every installed model, proxies included."""
    return sorted(
        (model._meta.app_label, str(model._meta.model_name)) for model in apps.get_models()
    )


def sync(using: str = DEFAULT_DB_ALIAS) -> int:
    """Create the missing content types of all installed models and return how many."""
    names = installed()
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [TABLE])
        if cursor.fetchone()[0] is None:
            return 0
        cursor.execute(f"SELECT app_label, model FROM {TABLE}")
        known = set(cursor.fetchall())
        missing = [name for name in names if name not in known]
        cursor.executemany(
            f"INSERT INTO {TABLE} (id, app_label, model) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(stable_id(*name), *name) for name in missing],
        )
    return len(missing)


def rename(app_label: str, old: str, new: str, using: str = DEFAULT_DB_ALIAS) -> None:
    """Give the content type of a renamed model its new name; the id is kept."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {TABLE} WHERE app_label = %s AND model = %s AND EXISTS"
            f" (SELECT 1 FROM {TABLE} WHERE app_label = %s AND model = %s)",
            [app_label, new, app_label, old],
        )
        cursor.execute(
            f"UPDATE {TABLE} SET model = %s WHERE app_label = %s AND model = %s",
            [new, app_label, old],
        )


def on_post_migrate(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Run before Django's own receiver, which then finds every row in place."""
    sync(using)


def on_pre_save(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    """Give a content type created on the way (a permission without model) its stable id."""
    if sender._meta.label_lower == "contenttypes.contenttype" and instance.pk is None:
        instance.pk = stable_id(instance.app_label, instance.model)
