"""Where the task queues live: connection string of the database and its pgmq schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

# Two processes that set up one database at the same moment must not both create the schema.
_INSTALL_LOCK = 0x7472656D  # "trem"


def libpq_dsn(database: Mapping[str, Any]) -> str:
    """Return the keyword connection string of one entry of ``DATABASES``.

    The queue client and the realtime listener need a direct connection (no transaction pooler); a
    URL would be ignored by the client when it names a socket, hence the keyword form.
    """
    known = {
        "host": database.get("HOST"),
        "port": database.get("PORT"),
        "dbname": database.get("NAME"),
        "user": database.get("USER"),
        "password": database.get("PASSWORD"),
    }
    return make_conninfo(**{key: str(value) for key, value in known.items() if value})


def install_broker(dsn: str) -> bool:
    """Create the ``pgmq`` schema in the database at ``dsn``; return whether it was missing.

    Idempotent and safe against a concurrent call. Opens its own connection, so it belongs in a
    set-up command and never in a migration. Raises ``psycopg.Error`` when the database is out of
    reach or refuses.
    """
    from pgmq.install import get_embedded_install_sql

    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_INSTALL_LOCK])
        found = connection.execute("SELECT to_regnamespace('pgmq')").fetchone()
        if found is not None and found[0] is not None:
            return False
        connection.execute(get_embedded_install_sql().encode())
    return True


def follow_database() -> None:
    """Close this process's broker connections and send later messages to the database now in use.

    For whoever points Django at another database (tests, snapshot); nothing happens before the
    first message or with another broker.
    """
    import sys

    from celery import current_app
    from django.conf import settings
    from django.db import connections
    from kombu import pools

    if settings.TASK_APPLICATION not in sys.modules:
        return
    options = dict(current_app.conf.broker_transport_options)
    if "conn_string" not in options:
        return
    pools.reset()  # type: ignore[no-untyped-call]
    options["conn_string"] = libpq_dsn(connections.settings["default"])
    current_app.conf.broker_transport_options = options
    # Both pools are built again, with the new options, when the next message is sent.
    current_app._pool = None
    current_app.amqp._producer_pool = None
