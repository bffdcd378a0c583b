"""From the catalogue of a schema to the list of SQL statements that rebuilds it elsewhere.

Statements name nothing of their own schema, so they land in whatever single schema the search
path holds; what lives in ``public`` comes out qualified. Anything the builder does not know
raises ``UnknownObject``: dropping it silently would make unequal spaces.

Source of the catalogue columns: PostgreSQL documentation, "System Catalogs" (versions 15 to 18).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from tenants.db.base import quoted, wrapper
from tenants.errors import TemplateNotEmpty, UnknownObject

ROWS_PER_INSERT = 500
CROSS_TARGETS = frozenset({"public.django_content_type"})

UNKNOWN = """
SELECT 'view ' || relname FROM pg_class WHERE relnamespace = %(ns)s AND relkind IN ('v', 'm')
UNION ALL SELECT 'partition ' || relname FROM pg_class
  WHERE relnamespace = %(ns)s AND (relkind IN ('p', 'I') OR relispartition)
UNION ALL SELECT 'foreign table ' || relname FROM pg_class WHERE relnamespace = %(ns)s AND relkind = 'f'
UNION ALL SELECT 'type ' || typname FROM pg_type t
  WHERE typnamespace = %(ns)s AND (typtype IN ('d', 'e', 'r', 'm')
    OR (typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')))
UNION ALL SELECT 'function ' || proname FROM pg_proc p WHERE pronamespace = %(ns)s
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e' AND e.objid = p.oid)
UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  WHERE c.relnamespace = %(ns)s AND NOT t.tgisinternal
UNION ALL SELECT 'policy ' || polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
  WHERE c.relnamespace = %(ns)s
UNION ALL SELECT 'row security of ' || relname FROM pg_class
  WHERE relnamespace = %(ns)s AND (relrowsecurity OR relforcerowsecurity)
UNION ALL SELECT 'rule ' || rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
  WHERE c.relnamespace = %(ns)s AND c.relkind NOT IN ('v', 'm')
UNION ALL SELECT 'inheritance of ' || c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE c.relnamespace = %(ns)s AND NOT c.relispartition
UNION ALL SELECT 'statistics ' || stxname FROM pg_statistic_ext WHERE stxnamespace = %(ns)s
UNION ALL SELECT 'collation ' || collname FROM pg_collation WHERE collnamespace = %(ns)s
UNION ALL SELECT 'operator ' || oprname FROM pg_operator o WHERE oprnamespace = %(ns)s
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e' AND e.objid = o.oid)
UNION ALL SELECT 'operator class ' || opcname FROM pg_opclass o WHERE opcnamespace = %(ns)s
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e' AND e.objid = o.oid)
UNION ALL SELECT 'text search configuration ' || cfgname FROM pg_ts_config WHERE cfgnamespace = %(ns)s
UNION ALL SELECT 'unlogged table ' || relname FROM pg_class
  WHERE relnamespace = %(ns)s AND relkind = 'r' AND relpersistence <> 'p'
UNION ALL SELECT 'storage options of ' || relname FROM pg_class
  WHERE relnamespace = %(ns)s AND relkind = 'r' AND reloptions IS NOT NULL
UNION ALL SELECT 'comment on ' || c.relname FROM pg_description d
  JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass WHERE c.relnamespace = %(ns)s
UNION ALL SELECT 'invalid index ' || c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE c.relnamespace = %(ns)s AND NOT i.indisvalid
UNION ALL SELECT 'constraint trigger ' || conname FROM pg_constraint
  WHERE connamespace = %(ns)s AND contype NOT IN ('p', 'u', 'c', 'x', 'f', 'n')
UNION ALL SELECT 'row type of ' || relname FROM pg_class
  WHERE relnamespace = %(ns)s AND relkind = 'r' AND reloftype <> 0
ORDER BY 1
"""

TABLES = """
SELECT oid, relname FROM pg_class WHERE relnamespace = %(ns)s AND relkind = 'r'
ORDER BY relname COLLATE "C"
"""

COLUMNS = """
SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
       a.attgenerated, pg_get_expr(d.adbin, d.adrelid),
       CASE WHEN a.attcollation <> t.typcollation AND a.attcollation <> 0
            THEN quote_ident(cn.nspname) || '.' || quote_ident(co.collname) END
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relnamespace = %(ns)s
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""

SEQUENCES = """
SELECT c.relname, d.refobjid, a.attname, a.attidentity, s.seqtypid::regtype::text, s.seqstart,
       s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle, a.atttypid::regtype::text
FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
LEFT JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass
  AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('i', 'a')
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE c.relnamespace = %(ns)s AND c.relkind = 'S' ORDER BY c.relname COLLATE "C"
"""

CONSTRAINTS = """
SELECT r.relname, k.conname, k.contype, pg_get_constraintdef(k.oid),
       fn.nspname, f.relname, k.conindid
FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid
LEFT JOIN pg_class f ON f.oid = k.confrelid LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
WHERE r.relnamespace = %(ns)s AND k.contype IN ('p', 'u', 'c', 'x', 'f')
ORDER BY r.relname COLLATE "C", k.contype = 'c', k.contype = 'u', k.conname COLLATE "C"
"""

INDEXES = """
SELECT i.indexrelid, c.relname, pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = %(ns)s ORDER BY c.relname COLLATE "C"
"""

PRIMARY_KEYS = """
SELECT k.conrelid, a.attname FROM pg_constraint k, unnest(k.conkey) WITH ORDINALITY AS u(num, rank)
JOIN pg_attribute a ON a.attnum = u.num
WHERE k.contype = 'p' AND a.attrelid = k.conrelid AND k.connamespace = %(ns)s
ORDER BY k.conrelid, u.rank
"""

# Bounds that PostgreSQL gives to a sequence of a type, when none is said.
NATURAL_MAX = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


@dataclass(slots=True)
class Column:
    name: str
    type: str
    not_null: bool
    identity: str
    generated: str
    default: str | None
    collation: str | None


@dataclass(slots=True)
class Table:
    oid: int
    name: str
    columns: list[Column] = field(default_factory=list)
    primary_key: list[str] = field(default_factory=list)
    identity_options: dict[str, str] = field(default_factory=dict)

    @property
    def stored(self) -> list[Column]:
        """The columns that hold values of their own."""
        return [column for column in self.columns if not column.generated]


@dataclass(slots=True)
class Blueprint:
    """A schema as statements, by phase; ``statements`` is the order in which they replay."""

    schema: str
    tables: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    sequences: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    crossing_keys: list[str] = field(default_factory=list)
    shape: list[Table] = field(default_factory=list)

    @property
    def statements(self) -> list[str]:
        return [
            *self.tables,
            *self.rows,
            *self.sequences,
            *self.constraints,
            *self.indexes,
            *self.keys,
            *self.crossing_keys,
        ]


def build(
    schema: str,
    *,
    rows: Collection[str] | None = None,
    free_sequences: Collection[str] = (),
    cross_targets: Collection[str] = CROSS_TARGETS,
) -> Blueprint:
    """Return the statements that rebuild ``schema``.

    ``rows`` names the tables whose rows are copied: any other table must be empty, or
    ``TemplateNotEmpty`` is raised; None copies no row and looks at none. ``free_sequences`` are
    the sequences of their own that the schema may hold. Raises ``UnknownObject``.
    """
    with wrapper().pinned(schema), connection.cursor() as cursor:
        cursor.execute("SELECT oid FROM pg_namespace WHERE nspname = %s", [schema])
        found = cursor.fetchone()
        if found is None:
            raise UnknownObject(schema=schema, what="the schema itself is missing")
        builder = _Builder(schema, found[0], cursor, frozenset(free_sequences))
        return builder.run(rows, frozenset(cross_targets))


def filled_tables(schema: str, names: Collection[str]) -> list[str]:
    """Return those of the tables ``names`` that hold a row."""
    if not names:
        return []
    parts = " UNION ALL ".join(
        f"SELECT %s WHERE EXISTS (SELECT FROM {quoted(schema)}.{quoted(name)})" for name in names
    )
    with connection.cursor() as cursor:
        cursor.execute(parts, list(names))
        return sorted(name for (name,) in cursor.fetchall())


def require_empty(schema: str, allowed: Collection[str]) -> None:
    """Raise ``TemplateNotEmpty`` when a table that is not in ``allowed`` holds a row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(%s)",
            [schema],
        )
        names = [name for (name,) in cursor.fetchall() if name not in allowed]
    wrong = filled_tables(schema, names)
    if wrong:
        raise TemplateNotEmpty(tables=", ".join(wrong))


class _Builder:
    """One reading of the catalogue."""

    def __init__(self, schema: str, namespace: int, cursor: Any, free: frozenset[str]) -> None:
        self.schema = schema
        self.namespace = namespace
        self.cursor = cursor
        self.free = free
        self.plan = Blueprint(schema)

    def run(self, rows: Collection[str] | None, cross_targets: frozenset[str]) -> Blueprint:
        unknown = [what for (what,) in self._all(UNKNOWN)]
        if unknown:
            self._refuse(", ".join(unknown))
        self.plan.shape = self._shape()
        self._identities()
        self.plan.tables += [_create(table) for table in self.plan.shape]
        backing = self._constraints(cross_targets)
        cut = f" ON {_ident(self.schema)}."
        for oid, _name, definition in self._all(INDEXES):
            if oid not in backing:
                # The table is qualified whatever the search path; a literal may hold the same
                # text further on, hence the first occurrence only.
                self.plan.indexes.append(definition.replace(cut, " ON ", 1))
        if rows is not None:
            self._rows(rows)
        return self.plan

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        self.cursor.execute(query, {"ns": self.namespace})
        return self.cursor.fetchall()  # type: ignore[no-any-return]

    def _refuse(self, what: str) -> None:
        raise UnknownObject(schema=self.schema, what=what)

    def _shape(self) -> list[Table]:
        tables = {oid: Table(oid, name) for oid, name in self._all(TABLES)}
        for oid, *values in self._all(COLUMNS):
            tables[oid].columns.append(Column(*values))
        for oid, name in self._all(PRIMARY_KEYS):
            if oid in tables:
                tables[oid].primary_key.append(name)
        return list(tables.values())

    def _identities(self) -> None:
        tables = {table.oid: table for table in self.plan.shape}
        for name, owner, column, identity, _kind, *options, column_type in self._all(SEQUENCES):
            start, step, low, high, cache, cycle = options
            if identity not in {"a", "d"}:
                if name not in self.free:
                    self._refuse(f"sequence {name}")
                self.plan.tables.append(f"CREATE SEQUENCE {_ident(name)}")
                continue
            if (low, cache, cycle) != (1, 1, False) or (start, step) != (1, 1):
                self._refuse(f"options of the sequence {name}")
            said = f"SEQUENCE NAME {_ident(name)}"
            if high != NATURAL_MAX[column_type]:
                said += f" MAXVALUE {high}"
            tables[owner].identity_options[column] = said
            self.cursor.execute(f"SELECT last_value, is_called FROM {_ident(name)}")
            last, called = self.cursor.fetchone()
            if called or last != 1:
                text = "true" if called else "false"
                literal = _literal(_ident(name))
                self.plan.sequences.append(f"SELECT pg_catalog.setval({literal}, {last}, {text})")

    def _constraints(self, cross_targets: frozenset[str]) -> set[int]:
        backing = set()
        for table, name, kind, definition, far_schema, far, index in self._all(CONSTRAINTS):
            text = f"ALTER TABLE {_ident(table)} ADD CONSTRAINT {_ident(name)} {definition}"
            if kind in {"p", "u", "x"}:
                backing.add(index)
            if kind != "f":
                self.plan.constraints.append(text)
            elif far_schema == self.schema:
                self.plan.keys.append(text)
            elif f"{far_schema}.{far}" in cross_targets:
                self.plan.crossing_keys.append(text)
            else:
                self._refuse(f"foreign key {name} to {far_schema}.{far}")
        return backing

    def _rows(self, allowed: Collection[str]) -> None:
        filled = set(filled_tables(self.schema, [table.name for table in self.plan.shape]))
        wrong = sorted(filled - set(allowed))
        if wrong:
            raise TemplateNotEmpty(tables=", ".join(wrong))
        for table in self.plan.shape:
            if table.name in filled:
                self.plan.rows += list(self._inserts(table))

    def _inserts(self, table: Table) -> Iterator[str]:
        columns = table.stored
        names = ", ".join(_ident(column.name) for column in columns)
        values = ", ".join(f"quote_nullable({_ident(column.name)}::text)" for column in columns)
        order = ", ".join(_ident(name) for name in table.primary_key or [columns[0].name])
        self.cursor.execute(
            f"SELECT '(' || concat_ws(', ', {values}) || ')' FROM {_ident(table.name)} "
            f"ORDER BY {order}"
        )
        always = any(column.identity == "a" for column in columns)
        head = f"INSERT INTO {_ident(table.name)} ({names})"
        head += " OVERRIDING SYSTEM VALUE VALUES\n" if always else " VALUES\n"
        while batch := self.cursor.fetchmany(ROWS_PER_INSERT):
            yield head + ",\n".join(row for (row,) in batch)


def _ident(name: str) -> str:
    """Return ``name`` quoted only when needed, as PostgreSQL itself prints it."""
    plain = name.replace("_", "a")
    safe = plain.isascii() and plain.isalnum() and not plain[0].isdigit() and plain.islower()
    return name if safe and name not in _KEYWORDS else quoted(name)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _create(table: Table) -> str:
    lines = [f"    {_column(table, column)}" for column in table.columns]
    return f"CREATE TABLE {_ident(table.name)} (\n" + ",\n".join(lines) + "\n)"


def _column(table: Table, column: Column) -> str:
    text = f"{_ident(column.name)} {column.type}"
    if column.collation:
        text += f" COLLATE {column.collation}"
    if column.generated:
        text += f" GENERATED ALWAYS AS ({column.default}) "
        text += "STORED" if column.generated == "s" else "VIRTUAL"
    elif column.identity:
        kind = "ALWAYS" if column.identity == "a" else "BY DEFAULT"
        text += f" GENERATED {kind} AS IDENTITY ({table.identity_options[column.name]})"
    elif column.default is not None:
        text += f" DEFAULT {column.default}"
    if column.not_null:
        text += " NOT NULL"
    return text


def replay(
    schema: str, statements: list[str], *, execute: Callable[[str], None] | None = None
) -> None:
    """Run ``statements`` in the existing ``schema``; none can land anywhere else.

    The caller holds the transaction. ``execute`` replaces the single joined call by one call per
    statement (a distributed database refuses several statements in one string).
    """
    with wrapper().pinned(schema), connection.cursor() as cursor:
        if execute is not None:
            for statement in statements:
                execute(statement)
        elif statements:
            cursor.execute(";\n".join(statements))


def digest(schemas: Collection[str]) -> dict[str, str]:
    """Return the md5 of (table, column, type, nullability) of each of ``schemas``.

    Types of the schema itself do not occur, so equal shapes give equal digests.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT n.nspname, md5(string_agg(concat_ws(' ', c.relname, a.attname,
                       format_type(a.atttypid, a.atttypmod), a.attnotnull::text), E'\\n'
                       ORDER BY c.relname COLLATE "C", a.attname COLLATE "C"))
            FROM pg_namespace n
            JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind = 'r'
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE n.nspname = ANY(%s) GROUP BY n.nspname
            """,
            [list(schemas)],
        )
        return dict(cursor.fetchall())


# Reserved words that Django or plugins might use as column names; PostgreSQL quotes them.
_KEYWORDS = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
    boolean both case cast char character check coalesce collate collation column concurrently
    constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user dec decimal default deferrable desc distinct do else end except
    exists extract false fetch float for foreign freeze from full grant greatest group grouping
    having ilike in initially inner inout int integer intersect interval into is isnull join json
    json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
    json_serialize json_table json_value lateral leading least left like limit localtime
    localtimestamp merge_action national natural nchar none normalize not notnull null nullif
    numeric offset on only or order out outer overlaps overlay placing position precision primary
    real references returning right row select session_user setof similar smallint some substring
    symmetric system_user table tablesample then time timestamp to trailing treat trim true union
    unique user using values varchar variadic verbose when where window with xmlattributes
    xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
    xmltable
    """.split()
)
