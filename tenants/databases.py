"""Databases of their own for snapshots and tests: created, pointed at, dropped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection, connections
from psycopg import sql

from tenants import registry


def point_at(name: str) -> str:
    """Make every later connection of this process open the database ``name``; return the former."""
    former = str(connections.settings["default"]["NAME"])
    connections.close_all()
    connection.close_pool()
    connections.settings["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name
    registry.invalidate()
    return former


@contextmanager
def administration() -> Iterator[psycopg.Connection[object]]:
    """Open the maintenance database of the same server, in autocommit."""
    parameters = connection.get_connection_params()
    for unwanted in ("cursor_factory", "context"):
        parameters.pop(unwanted, None)
    parameters["dbname"] = "postgres"
    with psycopg.connect(**parameters, autocommit=True) as raw:
        yield raw


def create(name: str, template: str | None = None) -> None:
    """Create the database ``name``, as a copy of ``template`` when given."""
    with administration() as raw:
        text = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            text += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        raw.execute(text)


def drop(name: str) -> None:
    """Drop the database ``name`` if it exists, whoever is connected."""
    with administration() as raw:
        raw.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


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
