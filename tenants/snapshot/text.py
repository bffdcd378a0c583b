"""Building, loading and checking ``schema.sql``: the schemas ``public`` and the template.

The text is deterministic: fixed dates, UUIDs derived from table and key, stable content type ids.
A merge conflict in it is resolved by building it again, never by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

from django.db import connection, transaction

from tenants import fingerprint, registry, steps, template
from tenants.context import public, public_write
from tenants.databases import scratch
from tenants.db.base import PUBLIC, quoted
from tenants.errors import NotReady
from tenants.models import TEMPLATE_SCHEMA, SchemaState

FILE = Path(__file__).with_name("schema.sql")
FIXED_DATE = "2000-01-01T00:00:00+00:00"
PUBLIC_ROWS = frozenset({"django_migrations", "django_content_type", "tenants_schemastate"})
SEQUENCES = frozenset({"tenants_epoch"})
MARK = "-- fingerprint: "
SECTION = "-- section: "
HEAD = """-- Database snapshot: an empty database becomes ready by loading it.
-- Written by "python3 manage.py snapshot build"; never edited by hand.
"""


def build() -> str:
    """Return the text, made from an empty scratch database by migrations alone."""
    from tenants.migrator import migrate_all

    with scratch("snapshot"):
        migrate_all()
        with public():
            _make_deterministic()
            shared = template.build(PUBLIC, rows=PUBLIC_ROWS, free_sequences=SEQUENCES)
            space = template.build(TEMPLATE_SCHEMA, rows=steps.template_rows())
    parts = [HEAD, f"{MARK}{fingerprint.of_code()}\n"]
    for name, plan in ((PUBLIC, shared), (TEMPLATE_SCHEMA, space)):
        parts.append(f"\n{SECTION}{name}\n")
        parts += [f"{statement};\n" for statement in plan.statements]
    return "".join(parts)


def write() -> bool:
    """Build the text and write the file; return whether it changed."""
    text = build()
    former = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    if text == former:
        return False
    FILE.write_text(text, encoding="utf-8")
    return True


def check() -> str:
    """Return an empty string when the file equals a fresh build, else what to do."""
    if not FILE.exists():
        return "The snapshot does not exist: run “manage.py snapshot build”."
    if fingerprint_of_file() != fingerprint.of_code():
        return "The snapshot is older than the code: run “manage.py snapshot build”."
    if build() != FILE.read_text(encoding="utf-8"):
        return "The snapshot differs from the migrations: run “manage.py snapshot build”."
    return ""


def fingerprint_of_file() -> str:
    """Return the fingerprint in the header of the file, or an empty string."""
    if not FILE.exists():
        return ""
    with FILE.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(MARK):
                return line.removeprefix(MARK).strip()
            if line.startswith(SECTION):
                break
    return ""


def load() -> None:
    """Fill the empty database from the file, in one transaction.

    Raises ``NotReady`` when the database already holds tables or the file is stale.
    """
    if fingerprint_of_file() != fingerprint.of_code():
        raise NotReady("The snapshot is older than the code: run “manage.py snapshot build”.")
    text = FILE.read_text(encoding="utf-8")
    sections = dict(re.findall(rf"^{SECTION}(\w+)\n(.*?)(?=^{SECTION}|\Z)", text, re.M | re.S))
    with public(), public_write("snapshot"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname = ANY(%s) AND c.relkind = 'r'",
                [[PUBLIC, TEMPLATE_SCHEMA]],
            )
            if cursor.fetchone()[0]:
                raise NotReady("The database is not empty: run “manage.py migrate” instead.")
            cursor.execute(f"CREATE SCHEMA {quoted(TEMPLATE_SCHEMA)}")
        for name in (PUBLIC, TEMPLATE_SCHEMA):
            template.replay(name, [sections[name]])
    registry.invalidate()


def _make_deterministic() -> None:
    """Replace what depends on the moment of the build."""
    with public_write("snapshot"):
        SchemaState.objects.update(
            started_at=None,
            finished_at=FIXED_DATE,
            duration_ms=None,
            attempts=0,
            release="",
            worker="",
        )
    with connection.cursor() as cursor:
        for schema in (PUBLIC, TEMPLATE_SCHEMA):
            cursor.execute(
                f"UPDATE {quoted(schema)}.django_migrations SET applied = %s", [FIXED_DATE]
            )
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = 'r' AND a.attnum > 0"
            " AND a.atttypid = 'uuid'::regtype AND c.relname = ANY(%s) AND NOT EXISTS"
            " (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'f')"
            "  AND a.attnum = ANY(k.conkey))",
            [TEMPLATE_SCHEMA, sorted(steps.template_rows())],
        )
        for table, column in cursor.fetchall():
            name = f"{quoted(TEMPLATE_SCHEMA)}.{quoted(table)}"
            cursor.execute(
                f"UPDATE {name} SET {quoted(column)} = md5(%s || id::text)::uuid"
                f" WHERE {quoted(column)} IS NOT NULL",
                [f"{table}.{column}."],
            )
