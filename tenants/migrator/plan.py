"""What is to be done, once per distinct set of applied migrations.

States before and after each operation are rendered once; applying them to a schema is then only
the SQL of the operations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.operations import AlterModelOptions, CreateModel, RenameModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from tenants import registry
from tenants.context import public, use
from tenants.db.base import PUBLIC, quoted
from tenants.models import TEMPLATE_SCHEMA

Key = tuple[str, str]
Target = str | registry.TenantInfo  # ``public``, the template's name, or a space
CHUNK = 200


@dataclass(frozen=True, slots=True)
class Action:
    """An operation with the project state on both sides of it."""

    operation: Operation
    before: ProjectState
    after: ProjectState


@dataclass(frozen=True, slots=True)
class Step:
    """A pending migration, ready to be applied to any schema of its group."""

    migration: Migration
    actions: tuple[Action, ...]
    recorded: tuple[Key, ...]

    @property
    def key(self) -> Key:
        return (self.migration.app_label, self.migration.name)


@dataclass(slots=True)
class Plan:
    """The steps of one group of schemas, and the applications whose permissions may change."""

    steps: list[Step] = field(default_factory=list)
    touched: frozenset[str] = frozenset()

    @property
    def names(self) -> list[str]:
        return [".".join(step.key) for step in self.steps]


def loader() -> MigrationLoader:
    """Return the migration graph of the code, read without any database."""
    return MigrationLoader(None, ignore_no_migrations=True)


def leaves(labels: Collection[str], graph: MigrationLoader | None = None) -> frozenset[Key]:
    """Return the last migration of each application among ``labels``."""
    source = graph or loader()
    return frozenset(key for key in source.graph.leaf_nodes() if key[0] in labels)


def applied_in(schemas: Collection[str]) -> dict[str, frozenset[Key]]:
    """Return what each of ``schemas`` records, in one query per 200 schemas."""
    names = sorted(schemas)
    found: dict[str, set[Key]] = {name: set() for name in names}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relname = 'django_migrations' AND c.relkind = 'r' AND n.nspname = ANY(%s)",
            [names],
        )
        ready = sorted(name for (name,) in cursor.fetchall())
        for start in range(0, len(ready), CHUNK):
            chunk = ready[start : start + CHUNK]
            cursor.execute(
                " UNION ALL ".join(
                    f"SELECT %s, app, name FROM {quoted(name)}.django_migrations" for name in chunk
                ),
                chunk,
            )
            for schema, app, name in cursor.fetchall():
                found[schema].add((app, name))
    return {name: frozenset(keys) for name, keys in found.items()}


@contextmanager
def inside(target: Target) -> Iterator[None]:
    """Make ``target`` current: ``public``, the template, or a space."""
    if target == PUBLIC:
        with public():
            yield
        return
    with use(registry.TEMPLATE if target == TEMPLATE_SCHEMA else target):
        yield


def pending(labels: Collection[str], graph: MigrationLoader) -> list[Migration]:
    """Return the migrations of ``labels`` that ``graph`` does not know as applied, in order."""
    done = set(graph.applied_migrations)
    missing: list[Migration] = []
    seen: set[Key] = set()
    for leaf in sorted(leaves(labels, graph)):
        for key in graph.graph.forwards_plan(leaf):
            if key[0] in labels and key not in done and key not in seen:
                seen.add(key)
                missing.append(graph.graph.nodes[key])
    return missing


def steps(target: Target, labels: Collection[str]) -> Iterator[Step]:
    """Yield the pending steps of ``target``, states rendered."""
    with inside(target):
        graph = MigrationLoader(connection, ignore_no_migrations=True)
    wanted = pending(labels, graph)
    if not wanted:
        return
    missing = {(migration.app_label, migration.name) for migration in wanted}
    state = ProjectState(real_apps=graph.unmigrated_apps)
    remaining = len(missing)
    for key in _full_order(graph):
        migration = graph.graph.nodes[key]
        if key not in missing:
            state = migration.mutate_state(state, preserve=False)
            continue
        actions = []
        for operation in migration.operations:
            before = state
            before.apps  # noqa: B018  renders, so that the clone inherits it
            state = before.clone()
            operation.state_forwards(migration.app_label, state)
            actions.append(Action(operation, before, state))
        for action in actions:
            action.after.apps  # noqa: B018  rendered before any worker is forked
        recorded = migration.replaces or []
        yield Step(migration, tuple(actions), (*map(_pair, recorded), key))
        remaining -= 1
        if not remaining:
            return


def _pair(key: Iterable[str]) -> Key:
    app, name = key
    return (app, name)


def _full_order(graph: MigrationLoader) -> list[Key]:
    """Return every migration of the graph, parents first, each once."""
    order: dict[Key, None] = {}
    for leaf in sorted(graph.graph.leaf_nodes()):
        for key in graph.graph.forwards_plan(leaf):
            order[_pair(key)] = None
    return list(order)


def missing(target: Target, labels: Collection[str]) -> list[Migration]:
    """Return the pending migrations of ``target`` without rendering any state."""
    with inside(target):
        graph = MigrationLoader(connection, ignore_no_migrations=True)
    return pending(labels, graph)


def touched(found: Collection[Step]) -> frozenset[str]:
    """Return the labels whose permissions the steps may change."""
    kinds = (CreateModel, AlterModelOptions, RenameModel)
    return frozenset(
        step.migration.app_label
        for step in found
        for action in step.actions
        if isinstance(action.operation, kinds)
    )


def build(target: Target, labels: Collection[str]) -> Plan:
    """Return the plan of ``target`` and of every schema that records the same migrations."""
    found = list(steps(target, labels))
    return Plan(found, touched(found))


def renames(migrations: Iterable[Migration]) -> list[tuple[str, str, str]]:
    """Return (label, old, new) of every model renamed, in order."""
    return [
        (migration.app_label, operation.old_name_lower, operation.new_name_lower)
        for migration in migrations
        for operation in migration.operations
        if isinstance(operation, RenameModel)
    ]
