"""Chooses the database of a command: the operator's ``DATABASE_URL``, or the embedded server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tenants import embedded

OLDEST = 15
Report = Callable[[str], None]


class DatabaseError(Exception):
    """The database at ``DATABASE_URL`` cannot be used; the message is one sentence."""


def embedded_directory(data: Path, name: str = "postgres") -> Path:
    """Directory of the embedded server: ``TREMPLIN_EMBEDDED_DIR``, else a folder of ``data``."""
    chosen = os.environ.get("TREMPLIN_EMBEDDED_DIR")
    return Path(chosen) if chosen and name == "postgres" else data / name


@contextlib.contextmanager
def database(
    directory: Path, *, durable: bool = True, report: Report | None = None
) -> Iterator[embedded.Server | None]:
    """Make ``DATABASE_URL`` point to a usable server for the length of a block.

    Yields the embedded server, or None when the operator chose one, which is then checked.
    Raises :class:`DatabaseError` or :class:`tenants.embedded.EmbeddedError`.
    """
    chosen = os.environ.get("DATABASE_URL")
    if chosen:
        check_server(chosen)
        yield None
        return
    with embedded.server(directory, durable=durable, report=report) as server:
        os.environ["DATABASE_URL"] = server.url
        try:
            yield server
        finally:
            os.environ.pop("DATABASE_URL", None)


def check_server(url: str) -> None:
    """Refuse a server that is missing, too old or without pgvector, which is created if allowed.

    Raises :class:`DatabaseError` naming the place (never the password) and what to do.
    """
    import psycopg

    place = _place(url)
    try:
        with psycopg.connect(url, connect_timeout=10, autocommit=True) as connection:
            version = connection.info.server_version
            if version < OLDEST * 10_000:
                raise DatabaseError(
                    f"The server at {place} is PostgreSQL {version // 10_000} and Tremplin needs "
                    f"{OLDEST} or newer: upgrade it, or unset DATABASE_URL to use the embedded one."
                )
            connection.execute("SET client_min_messages = error")
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"The database at {place} lacks the vector extension and its user may not create it: "
            "ask its administrator to run CREATE EXTENSION vector in it."
        ) from error
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile) as error:
        raise DatabaseError(
            f"The server at {place} lacks the vector extension: install pgvector on it, or unset "
            "DATABASE_URL to use the embedded one."
        ) from error
    except psycopg.ProgrammingError as error:
        raise DatabaseError(
            "DATABASE_URL is not an address of the form postgresql://user:password@host/name."
        ) from error
    except psycopg.OperationalError as error:
        raise _refused(place, url, error) from error


def _place(url: str) -> str:
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}"
    except ValueError:
        return "DATABASE_URL"


def _refused(place: str, url: str, error: Exception) -> DatabaseError:
    text = str(error)
    if "password authentication failed" in text or "no password supplied" in text:
        return DatabaseError(
            f"The server at {place} refuses the user or the password of DATABASE_URL: correct it."
        )
    if "database" in text and "does not exist" in text:
        name = urlsplit(url).path.lstrip("/")
        return DatabaseError(
            f"The server at {place} has no database named {name}: create it, then try again."
        )
    if "role" in text and "does not exist" in text:
        return DatabaseError(f"The server at {place} does not know the user of DATABASE_URL.")
    if "too many" in text or "remaining connection slots" in text:
        return DatabaseError(f"The server at {place} has no connection left: try again later.")
    return DatabaseError(
        f"No PostgreSQL answers at {place}: start it, correct DATABASE_URL, or unset it to use the "
        "embedded one."
    )
