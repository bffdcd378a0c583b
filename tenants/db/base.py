"""The PostgreSQL backend: the search path follows the ``ContextVar`` of the current tenant.

No tenant means the path ``public`` alone, so forgotten context ends in "relation does not exist"
and never in another tenant's data.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections
from django_tenants.postgresql_backend import base

from tremplin.kernel.current import current_tenant

PUBLIC = "public"
SCHEMA_BUDGET = 60

# Distinct schemas each server connection has touched. PostgreSQL never frees its catalogue cache
# (1.9 MB per schema), so a connection above the budget is closed instead of being reused.
_touched: weakref.WeakKeyDictionary[psycopg.Connection[Any], set[str]] = weakref.WeakKeyDictionary()


def quoted(name: str) -> str:
    """Return ``name`` as a quoted SQL identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc]
    """Connection of one thread or task; obeys the current tenant at every cursor."""

    schema_budget = SCHEMA_BUDGET

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._pinned: tuple[str, ...] | None = None
        self._built = False
        self._setting_search_path = False
        self.search_path_set_schemas: list[str] | None = None
        super().__init__(*args, **kwargs)
        self._built = True

    @property
    def schema_name(self) -> str:
        if self._pinned is not None:
            return self._pinned[0]
        tenant = current_tenant.get()
        return PUBLIC if tenant is None else tenant.schema_name

    @schema_name.setter
    def schema_name(self, value: str) -> None:
        """Ignore what the parent class remembers: the ContextVar is the truth."""

    @property
    def tenant(self) -> Any:
        return current_tenant.get() or base.FakeTenant(schema_name=PUBLIC)

    @tenant.setter
    def tenant(self, value: Any) -> None:
        """Ignore what the parent class remembers: the ContextVar is the truth."""

    def set_tenant(self, tenant: Any, include_public: bool = True) -> None:
        """Serve code written for django-tenants; ours enters ``use`` or ``public``.

        Does nothing while the object is built: a connection appears in every new thread and must
        not change whose request it serves.
        """
        if not self._built:
            return
        if tenant.schema_name == PUBLIC:
            current_tenant.set(None)
            return
        if not hasattr(tenant, "uuid"):
            from tenants import registry

            known = registry.by_schema(tenant.schema_name)
            if known is None:
                raise DatabaseError(f"no tenant owns the schema {tenant.schema_name!r}")
            tenant = known
        current_tenant.set(tenant)

    @contextmanager
    def pinned(self, schema: str) -> Iterator[None]:
        """Use ``schema`` alone, without ``public``: nothing can land anywhere else."""
        former, self._pinned = self._pinned, (schema,)
        try:
            yield
        finally:
            self._pinned = former

    def _get_cursor_search_paths(self) -> list[str]:
        if self._pinned is not None:
            return list(self._pinned)
        tenant = current_tenant.get()
        return [PUBLIC] if tenant is None else [tenant.schema_name, PUBLIC]

    def _handle_search_path(self, cursor: Any = None) -> None:
        """Issue ``SET search_path`` when the connection is not on the wanted one."""
        if self._setting_search_path:
            return
        wanted = self._get_cursor_search_paths()
        if wanted == self.search_path_set_schemas:
            return
        self._setting_search_path = True
        own = self.connection.cursor() if cursor is None else cursor
        try:
            own.execute(f"SET search_path = {', '.join(quoted(name) for name in wanted)}")
        except (DatabaseError, psycopg.DatabaseError):
            # The transaction is aborted and the next statement is its rollback; anything else
            # fails as well.
            self.search_path_set_schemas = None
        else:
            self.search_path_set_schemas = wanted
            _touched.setdefault(self.connection, set()).add(wanted[0])
        finally:
            self._setting_search_path = False
            if cursor is None:
                own.close()

    def _close(self) -> None:
        raw = self.connection
        if raw is not None and len(_touched.get(raw, ())) > self.schema_budget:
            _touched.pop(raw, None)
            with self.wrap_database_errors:
                raw.close()
        super()._close()


def wrapper() -> DatabaseWrapper:
    """Return the connection of this thread, with the type of our backend."""
    found = connections["default"]
    if not isinstance(found, DatabaseWrapper):
        raise ImproperlyConfigured("DATABASES must use the engine tenants.db")
    return found
