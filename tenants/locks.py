"""Advisory locks of tenancy. Keys are 64 bits derived from a name, one space for the product."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from django.db import connection

TEMPLATE = "template"
MIGRATOR = "migrator"


def key(name: str) -> int:
    """Return the signed 64-bit key of the lock ``name``."""
    raw = hashlib.sha256(f"tremplin.tenants:{name}".encode()).digest()[:8]
    return int.from_bytes(raw, "big", signed=True)


def tenant(pk: int) -> str:
    """Return the name of the lock held while the space ``pk`` is made or erased."""
    return f"tenant:{pk}"


def schema(name: str) -> str:
    """Return the name of the lock held while the schema ``name`` is migrated."""
    return f"schema:{name}"


def in_transaction(name: str, *, shared: bool = False) -> None:
    """Wait for the lock ``name``; it is freed with the current transaction."""
    function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [key(name)])


def try_in_transaction(name: str) -> bool:
    """Take the lock ``name`` until the end of the transaction, if it is free."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [key(name)])
        return bool(cursor.fetchone()[0])


def is_free(name: str) -> bool:
    """Return whether no session holds the lock ``name``."""
    number = key(name) & 0xFFFFFFFFFFFFFFFF
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND classid::bigint = %s AND objid::bigint = %s AND objsubid = 1)",
            [number >> 32, number & 0xFFFFFFFF],
        )
        return bool(cursor.fetchone()[0])


@contextmanager
def own_connection() -> Iterator[psycopg.Connection[Any]]:
    """Open a connection of its own, in autocommit: a session lock must not go back to the pool."""
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    with psycopg.connect(**parameters, autocommit=True) as raw:
        yield raw


@contextmanager
def session(name: str) -> Iterator[bool]:
    """Hold the lock ``name`` on a connection of its own; yields whether it was free.

    The lock ends with the process, however it ends.
    """
    with own_connection() as raw:
        row = raw.execute("SELECT pg_try_advisory_lock(%s)", [key(name)]).fetchone()
        taken = bool(row and row[0])
        try:
            yield taken
        finally:
            # The server notices a closed connection a moment later: the next call would find the
            # lock still held.
            if taken:
                with suppress(psycopg.OperationalError):
                    raw.execute("SELECT pg_advisory_unlock(%s)", [key(name)])


def holder(name: str) -> str:
    """Return a description of who holds the lock ``name``: process id and start time."""
    number = key(name) & 0xFFFFFFFFFFFFFFFF
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('server process %%s since %%s', a.pid,"
            " to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS')) FROM pg_locks l"
            " JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted"
            " AND l.classid::bigint = %s AND l.objid::bigint = %s LIMIT 1",
            [number >> 32, number & 0xFFFFFFFF],
        )
        row = cursor.fetchone()
    return row[0] if row else "unknown"
