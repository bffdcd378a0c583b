"""Facts about the database server, and whether it can hold spaces."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from tenants.errors import NotReady

OLDEST = 15
LOCKS = 1024


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server says of itself; ``version`` is the major number."""

    version: int
    role: str
    superuser: bool
    may_create: bool
    vector: bool
    vector_available: bool
    locks: int


def facts() -> Facts:
    """Ask the server. Raises Django's ``DatabaseError`` when it does not answer."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT current_setting('server_version_num')::int / 10000, current_user,
                   (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
                   has_database_privilege(current_database(), 'CREATE'),
                   EXISTS (SELECT FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                           WHERE e.extname = 'vector' AND n.nspname = 'public'),
                   EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector'),
                   current_setting('max_locks_per_transaction')::int
            """
        )
        return Facts(*cursor.fetchone())


def check() -> Facts:
    """Return the facts of a usable server, installing ``vector`` when allowed.

    Raises ``NotReady`` with what to do.
    """
    known = facts()
    if known.version < OLDEST:
        raise NotReady(
            "PostgreSQL %(version)s is too old: version %(oldest)s or later is needed.",
            version=known.version,
            oldest=OLDEST,
        )
    if not known.may_create:
        raise NotReady(
            "The database role “%(role)s” may not create schemas: grant it CREATE on the database.",
            role=known.role,
        )
    if not known.vector:
        _install_vector(known)
    return known


def _install_vector(known: Facts) -> None:
    from django.db import DatabaseError

    if not known.vector_available:
        raise NotReady("The extension “vector” (pgvector) is not installed on the server.")
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public")
    except DatabaseError as error:
        raise NotReady(
            "The extension “vector” is not active and the role “%(role)s” may not activate it: "
            "run CREATE EXTENSION vector as a superuser.",
            role=known.role,
        ) from error
