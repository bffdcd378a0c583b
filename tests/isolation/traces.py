"""What would give a leak away: texts and ids of a space in an answer, writes in its tables."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from html import unescape
from typing import Any
from urllib.parse import unquote

from django.db import connection

from tests.isolation.world import World

UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def text_of(answer: Any) -> str:
    """Return everything a client sees of an answer: headers, cookies and body, archives opened."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    parts = [f"{name}: {value}" for name, value in answer.headers.items()]
    parts += [cookie.OutputString() for cookie in answer.cookies.values()]
    parts.append(body.decode("utf-8", "replace"))
    if body.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for name in archive.namelist():
                parts += [name, archive.read(name).decode("utf-8", "replace")]
    return "\n".join(parts)


class Traces:
    """Recognises the data of one furnished space in the answers of another."""

    def __init__(self, world: World) -> None:
        self.world = world
        tenant = world.tenant
        self.words = [world.marker, tenant.name, tenant.primary_host, f"@{tenant.slug}."]
        self.uuids = uuids_in(tenant.schema_name) | {str(tenant.uuid)}

    def found(self, text: str, supplied: Iterable[str]) -> list[str]:
        """Return what of the space shows in an answer, apart from what the request itself said."""
        text = unescape(unquote(text)).casefold()
        for said in sorted(
            {unquote(value).casefold() for value in supplied}, key=len, reverse=True
        ):
            text = text.replace(said, "")
        words = [word for word in self.words if word.casefold() in text]
        return words + sorted(set(UUID_TEXT.findall(text)) & self.uuids)


def tables_of(schema: str) -> list[str]:
    """Return the names of the tables of a schema."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename", [schema]
        )
        return [row[0] for row in cursor.fetchall()]


def uuids_in(schema: str) -> set[str]:
    """Return every UUID that stands anywhere in the rows of a schema."""
    found: set[str] = set()
    with connection.cursor() as cursor:
        for table in tables_of(schema):
            cursor.execute(f'SELECT t::text FROM "{schema}"."{table}" t')
            for (row,) in cursor.fetchall():
                found.update(UUID_TEXT.findall(row))
    return found


def fingerprint(schema: str) -> dict[str, tuple[int, str]]:
    """Return per table of a schema its number of rows and a hash of their contents."""
    with connection.cursor() as cursor:
        found = {}
        for table in tables_of(schema):
            cursor.execute(
                f"SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') "
                f'FROM "{schema}"."{table}" t'
            )
            found[table] = cursor.fetchone()
    return found


def shared_rows(tenant: Any) -> dict[str, tuple[int, str]]:
    """Return the same for the rows about ``tenant`` in the shared tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND (column_name = 'tenant_id' "
            "OR (table_name = 'tenants_tenant' AND column_name = 'id')) ORDER BY 1"
        )
        columns = cursor.fetchall()
        found = {}
        for table, column in columns:
            cursor.execute(
                f"SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') "
                f'FROM public."{table}" t WHERE "{column}" = %s',
                [tenant.pk],
            )
            found[table] = cursor.fetchone()
    return found


def writes_in(schema: str, *, apart_from: tuple[str, ...] = ()) -> int:
    """Return how many rows this transaction has written in a schema, rolled back ones included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) "
            "FROM pg_stat_xact_all_tables WHERE schemaname = %s AND NOT relname = ANY(%s)",
            [schema, list(apart_from)],
        )
        return int(cursor.fetchone()[0])


def unmarked(world: World) -> list[str]:
    """Return the empty tables of a space and its text columns where the marker stands nowhere."""
    schema = world.tenant.schema_name
    counts = {table: count for table, (count, _hash) in fingerprint(schema).items()}
    found = [f"{table} (empty)" for table, count in counts.items() if not count]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s "
            "AND data_type IN ('text', 'character varying', 'jsonb', 'ARRAY') ORDER BY 1, 2",
            [schema],
        )
        for table, column in cursor.fetchall():
            cursor.execute(
                f'SELECT count(*) FROM "{schema}"."{table}" WHERE "{column}"::text ILIKE %s',
                [f"%{world.marker}%"],
            )
            if counts[table] and cursor.fetchone() == (0,):
                found.append(f"{table}.{column}")
    return sorted(found)
