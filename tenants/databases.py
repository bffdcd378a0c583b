"""Databases of their own for snapshots and tests: created, pointed at, dropped."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection, connections
from psycopg import sql

from tenants import registry
from tenants.db.base import wrapper
from tremplin.kernel.tasks import follow_database

VACATE_SECONDS = 10.0

DROP_ATTEMPTS = 10


def point_at(name: str) -> str:
    """Make every later connection of this process open the database ``name``; return the former."""
    former = str(connections.settings["default"]["NAME"])
    connections.close_all()
    wrapper().close_pool()
    connections.settings["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name
    follow_database()
    registry.invalidate()
    return former


@contextmanager
def administration() -> Iterator[psycopg.Connection[Any]]:
    """Open the maintenance database of the same server, in autocommit."""
    parameters = connection.get_connection_params()
    for unwanted in ("cursor_factory", "context"):
        parameters.pop(unwanted, None)
    parameters["dbname"] = "postgres"
    with psycopg.connect(**parameters, autocommit=True) as raw:
        yield raw


def vacate(raw: psycopg.Connection[Any], name: str) -> None:
    """End every session of the database ``name`` and wait until none is left.

    A closed pool ends its connections in the background, and a database in use can be neither
    copied nor renamed.
    """
    end = time.monotonic() + VACATE_SECONDS
    while time.monotonic() < end:
        gone = raw.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        ).fetchall()
        if not gone:
            return
        time.sleep(0.02)


def rename(former: str, name: str) -> None:
    """Rename a database that nobody else uses."""
    with administration() as raw:
        vacate(raw, former)
        raw.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                sql.Identifier(former), sql.Identifier(name)
            )
        )


def create(name: str, template: str | None = None) -> None:
    """Create the database ``name``, as a copy of ``template`` when given."""
    with administration() as raw:
        if template is not None:
            vacate(raw, template)
        text = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            text += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        raw.execute(text)


def drop(name: str) -> None:
    """Drop the database ``name`` if it exists, whoever is connected.

    The server's own cleaning process may be at work in it; an ordinary role cannot end it, so the
    statement is tried again while it finishes.
    """
    text = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with administration() as raw:
        for attempt in range(DROP_ATTEMPTS):
            try:
                raw.execute(text)
            except psycopg.errors.InsufficientPrivilege:
                if attempt == DROP_ATTEMPTS - 1:
                    raise
                time.sleep(0.5)
            else:
                return


@contextmanager
def scratch(purpose: str, template: str | None = None) -> Iterator[str]:
    """Work in a database of its own for the length of the block."""
    name = f"tremplin_{purpose}_{os.getpid()}"
    drop(name)
    create(name, template)
    former = point_at(name)
    try:
        yield name
    finally:
        point_at(former)
        drop(name)
