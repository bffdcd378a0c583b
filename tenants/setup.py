"""Making a database ready: snapshot when it is empty, migrations otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import quote

from django.db import OperationalError, connection

from tenants import database, fingerprint, snapshot
from tenants.context import public
from tenants.db.base import PUBLIC
from tenants.errors import MigratorBusy, NotReady
from tenants.migrator import migrate_all

WAIT_SECONDS = 120.0


def ensure_database(report: Callable[[str], None]) -> None:
    """Make ``public``, the template and every space current, and install the task queues.

    An empty database is loaded from the snapshot when it matches the code. ``report`` receives
    one sentence per long step. Creates no space. Raises ``NotReady``, ``MigrationFailed`` or
    ``MigratorBusy`` (after waiting two minutes for another run).
    """
    with public():
        try:
            database.check()
        except OperationalError as error:
            raise NotReady(
                "The database does not answer (%(reason)s): check DATABASE_URL.",
                reason=str(error).strip().splitlines()[-1],
            ) from error
        if is_empty() and snapshot.fingerprint_of_file() == fingerprint.of_code():
            report("Loading the database snapshot.")
            snapshot.load()
        else:
            _migrate(report)
        report("Preparing the task queues.")
        install_queues()


def is_empty() -> bool:
    """Return whether ``public`` holds no table at all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n"
            " ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind IN ('r', 'p'))",
            [PUBLIC],
        )
        return bool(cursor.fetchone()[0])


def _migrate(report: Callable[[str], None]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            migrate_all(report=report)
            return
        except MigratorBusy:
            if time.monotonic() > end:
                raise
            report("Another migration is running; waiting for it.")
            time.sleep(2)


def dsn() -> str:
    """Return the address of the database in use, for clients that are not Django."""
    from psycopg.conninfo import make_conninfo

    values = connection.settings_dict
    return make_conninfo(
        host=values["HOST"],
        port=values["PORT"],
        dbname=values["NAME"],
        user=values["USER"],
        password=values["PASSWORD"],
    )


def install_queues() -> None:
    """Install the schema of the task queues, when tasks go through the database."""
    from tremplin.kernel.tasks import install_broker

    install_broker(dsn())


def url() -> str:
    """Return the address of the database in use, as ``DATABASE_URL`` for a child process."""
    values = connection.settings_dict
    user = quote(values["USER"], safe="")
    password = quote(values["PASSWORD"], safe="")
    name = quote(values["NAME"], safe="")
    return f"postgresql://{user}:{password}@{values['HOST']}:{values['PORT']}/{name}"
