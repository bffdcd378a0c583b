"""One run over the fleet: public, template, canaries, everyone else.

Resume needs no memory of its own: the truth is ``django_migrations`` in each schema.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection, connections, transaction
from django.db.migrations.migration import Migration
from django.utils import timezone

from tenants import contenttypes, database, fingerprint, locks, registry, template
from tenants.context import public, public_write
from tenants.db.base import PUBLIC, wrapper
from tenants.embedded import die_with_parent
from tenants.errors import MigrationFailed, MigratorBusy, NotReady
from tenants.fingerprint import release
from tenants.migrator import apply
from tenants.migrator import plan as planning
from tenants.migrator.plan import Key, Plan
from tenants.models import TEMPLATE_SCHEMA, SchemaState, Tenant
from tenants.registry import TenantInfo
from tenants.routers import shared_labels, tenant_labels

log = logging.getLogger(__name__)
Report = Callable[[str], None]

MIGRATED = (
    Tenant.Status.ACTIVE,
    Tenant.Status.SUSPENDED,
    Tenant.Status.MAINTENANCE,
    Tenant.Status.ARCHIVED,
)
ALONE = 8  # schemas below which worker processes cost more than they save


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator asked. ``tenant`` limits the fleet; ``workers`` 0 chooses by itself."""

    tenant: str = ""
    canaries: tuple[str, ...] = ()
    workers: int = 0


@dataclass(slots=True)
class Result:
    """What a run did, by schema name."""

    migrated: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0
    seconds: float = 0.0
    aborted: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    tenant: TenantInfo
    group: frozenset[Key]


@dataclass(slots=True)
class Fleet:
    """What is to be done: tasks by schema and one plan per distinct state."""

    tasks: list[Task] = field(default_factory=list)
    plans: dict[frozenset[Key], Plan] = field(default_factory=dict)
    unchanged: int = 0
    fingerprint: str = ""
    digest: str = ""


def _silent(_message: str) -> None:
    return None


@contextmanager
def _held(name: str) -> Iterator[None]:
    with locks.session(name) as taken:
        if not taken:
            raise MigratorBusy(holder=locks.holder(name))
        yield


def migrate_all(options: Options | None = None, report: Report = _silent) -> Result:
    """Bring ``public``, the template and every space to what the code expects.

    Raises ``MigratorBusy`` when another run is going on, ``MigrationFailed`` when the public or
    template phase or a canary fails, ``NotReady`` when the server cannot hold spaces.
    """
    wanted = options or Options()
    begin = time.monotonic()
    with public():
        database.check()
        with _held(locks.MIGRATOR):
            migrate_public(report)
            migrate_template(report)
            fleet = survey(wanted.tenant)
            result = Result(unchanged=fleet.unchanged)
            if fleet.tasks:
                report(f"{len(fleet.tasks)} schemas to migrate.")
                _announce(fleet)
                rest = _canaries(fleet, wanted, result, report)
                _everyone(fleet, rest, wanted, result, report)
            if result.migrated or result.failed:
                registry.bump_epoch()
    result.seconds = time.monotonic() - begin
    return result


# --- public and template ------------------------------------------------------------------------


def _has_registry() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.tenants_schemastate') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def _has_types() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.django_content_type') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def migrate_public(report: Report = _silent) -> int:
    """Migrate the shared tables, then rename and create content types."""
    found = planning.missing(PUBLIC, shared_labels())
    if found:
        report(f"Shared tables: {len(found)} migrations.")
    known = _has_types()
    with public_write("migration"):
        if found:
            apply.run_steps(planning.steps(PUBLIC, shared_labels()), together=False)
        with transaction.atomic():
            if known:
                _rename_types(found)
                _rename_types(_pending_of_template())
            contenttypes.sync()
    return len(found)


def _pending_of_template() -> list[Migration]:
    recorded = planning.applied_in([TEMPLATE_SCHEMA])[TEMPLATE_SCHEMA]
    if not recorded or planning.leaves(tenant_labels()) <= recorded:
        return []
    return planning.missing(TEMPLATE_SCHEMA, tenant_labels())


def _rename_types(migrations: list[Migration]) -> None:
    for label, old, new in planning.renames(migrations):
        contenttypes.rename(label, old, new)


def migrate_template(report: Report = _silent) -> None:
    """Migrate the template, canary number zero, while no space is being created."""
    wanted = fingerprint.of_code()
    state = SchemaState.objects.filter(schema_name=TEMPLATE_SCHEMA).first()
    if state is not None and state.fingerprint == wanted and state.status == "current":
        return
    with locks.own_connection() as raw:
        raw.execute("SELECT pg_advisory_lock(%s)", [locks.key(locks.TEMPLATE)])
        apply.ensure_schema(TEMPLATE_SCHEMA)
        first = not planning.applied_in([TEMPLATE_SCHEMA])[TEMPLATE_SCHEMA]
        count = len(planning.missing(TEMPLATE_SCHEMA, tenant_labels()))
        if count:
            report(f"Template: {count} migrations.")
        begin = time.monotonic()
        touched = tenant_labels()
        found = planning.steps(TEMPLATE_SCHEMA, tenant_labels())
        with planning.inside(TEMPLATE_SCHEMA), public_write("migration"):
            if first:
                apply.run_steps(found, together=False)
            else:
                plan = list(found)
                touched = planning.touched(plan)
                apply.run_steps(plan, together=True)
            with transaction.atomic():
                apply.sync(touched)
        apply.mark(
            TEMPLATE_SCHEMA,
            previous_fingerprint=state.fingerprint if state else "",
            fingerprint=wanted,
            digest=template.digest([TEMPLATE_SCHEMA]).get(TEMPLATE_SCHEMA, ""),
            release=release(),
            status=SchemaState.Status.CURRENT,
            finished_at=timezone.now(),
            duration_ms=round((time.monotonic() - begin) * 1000),
        )
        registry.bump_epoch()


# --- fleet --------------------------------------------------------------------------------------


def survey(only: str = "") -> Fleet:
    """Return what the fleet needs: one query for the states, one per 200 schemas for the rest."""
    state = SchemaState.objects.get(schema_name=TEMPLATE_SCHEMA)
    fleet = Fleet(fingerprint=state.fingerprint, digest=state.digest)
    rows = Tenant.objects.filter(status__in=MIGRATED).order_by("pk")
    if only:
        rows = rows.filter(slug=only)
        if not rows.exists():
            raise MigrationFailed(reason=f"no space has the address “{only}”")
    tenants = registry.load(rows)
    current = set(
        SchemaState.objects.filter(
            fingerprint=fleet.fingerprint, status=SchemaState.Status.CURRENT
        ).values_list("schema_name", flat=True)
    )
    recorded = planning.applied_in([tenant.schema_name for tenant in tenants])
    wanted = planning.leaves(tenant_labels())
    for tenant in tenants:
        applied = recorded[tenant.schema_name]
        if wanted <= applied and tenant.schema_name in current:
            fleet.unchanged += 1
            continue
        fleet.tasks.append(Task(tenant, applied))
        if applied not in fleet.plans:
            fleet.plans[applied] = planning.build(tenant, tenant_labels())
    return fleet


def _announce(fleet: Fleet) -> None:
    with public_write("migration"):
        for task in fleet.tasks:
            SchemaState.objects.get_or_create(schema_name=task.tenant.schema_name)
        SchemaState.objects.filter(
            schema_name__in=[task.tenant.schema_name for task in fleet.tasks]
        ).update(status=SchemaState.Status.PENDING, error="")


def _canaries(fleet: Fleet, options: Options, result: Result, report: Report) -> list[Task]:
    """Migrate the canaries one by one and return the other tasks."""
    first = [
        task
        for task in fleet.tasks
        if task.tenant.kind == Tenant.Kind.HQ
        or task.tenant.canary
        or task.tenant.slug in options.canaries
    ]
    first.sort(key=lambda task: (task.tenant.kind != Tenant.Kind.HQ, task.tenant.pk))
    for task in first:
        error = apply.apply_to(
            task.tenant, fleet.plans[task.group], fleet.fingerprint, fleet.digest
        )
        _note(result, task.tenant, error, report)
        if error:
            registry.bump_epoch()
            raise MigrationFailed(reason=f"canary {task.tenant.slug}: {error}")
    done = {task.tenant.pk for task in first}
    return [task for task in fleet.tasks if task.tenant.pk not in done]


def _note(result: Result, tenant: TenantInfo, error: str, report: Report) -> None:
    if error:
        result.failed[tenant.schema_name] = error
        log.error("schema not migrated", extra={"schema": tenant.schema_name, "reason": error})
        report(f"{tenant.slug}: {error}")
    else:
        result.migrated.append(tenant.schema_name)
        log.info("schema migrated", extra={"schema": tenant.schema_name})


def _everyone(
    fleet: Fleet, rest: list[Task], options: Options, result: Result, report: Report
) -> None:
    workers = options.workers or min(4, os.cpu_count() or 1)
    limit = max(3, len(rest) * 2 // 100)
    if workers < 2 or len(rest) < ALONE or not hasattr(os, "fork"):
        for task in rest:
            error = apply.apply_to(
                task.tenant, fleet.plans[task.group], fleet.fingerprint, fleet.digest
            )
            _note(result, task.tenant, error, report)
            if len(result.failed) > limit:
                result.aborted = True
                return
        return
    _in_processes(fleet, rest, workers, limit, result, report)


def bring_forward(tenant: TenantInfo) -> None:
    """Migrate one schema that no registry row names yet (a restored archive).

    The template must be current. Raises ``MigrationFailed`` or ``MigratorBusy``.
    """
    with public(), _held(locks.MIGRATOR):
        state = SchemaState.objects.filter(schema_name=TEMPLATE_SCHEMA).first()
        if state is None or state.fingerprint != fingerprint.of_code():
            raise NotReady()
        error = apply.apply_to(
            tenant, planning.build(tenant, tenant_labels()), state.fingerprint, state.digest
        )
        if error:
            raise MigrationFailed(reason=error)


# The fleet as the forked workers see it: rendered states are inherited, never pickled.
_shared: Fleet | None = None


def _in_processes(
    fleet: Fleet,
    rest: list[Task],
    workers: int,
    limit: int,
    result: Result,
    report: Report,
) -> None:
    global _shared
    _shared = fleet
    end_with_parent = die_with_parent(signal.SIGKILL)
    connections.close_all()
    wrapper().close_pool()
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("fork"),
        initializer=_start_worker,
        initargs=(end_with_parent,),
    )
    try:
        running = {pool.submit(_work, index, task): task for index, task in enumerate(rest)}
        for done in as_completed(running):
            _note(result, running[done].tenant, done.result(), report)
            if len(result.failed) > limit:
                result.aborted = True
                break
    except BrokenProcessPool:
        raise MigrationFailed(reason="a worker was killed: run the command again") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _shared = None


def _start_worker(end_with_parent: Callable[[], None] | None) -> None:
    if end_with_parent is not None:
        end_with_parent()


def _work(_index: int, task: Task) -> str:
    fleet = _shared
    if fleet is None:
        raise MigrationFailed(reason="the worker has no plan")
    try:
        return apply.apply_to(task.tenant, fleet.plans[task.group], fleet.fingerprint, fleet.digest)
    finally:
        # One schema per connection: a backend never frees the catalogue of those it has seen.
        if _index % 50 == 49:
            connections.close_all()


def _name(migration: Migration) -> str:
    return f"{migration.app_label}.{migration.name}"


def pending_summary() -> list[str]:
    """Return one line per thing a run would do; empty when everything is current."""
    with public():
        shared = planning.missing(PUBLIC, shared_labels())
        lines = [f"public: {_name(migration)}" for migration in shared]
        if not _has_registry():
            return [*lines, "template: all migrations"]
        recorded = planning.applied_in([TEMPLATE_SCHEMA])[TEMPLATE_SCHEMA]
        if not recorded:
            return [*lines, "template: all migrations"]
        found = planning.missing(TEMPLATE_SCHEMA, tenant_labels())
        lines += [f"template: {_name(migration)}" for migration in found]
        state = SchemaState.objects.filter(schema_name=TEMPLATE_SCHEMA).first()
        if not found and (state is None or state.fingerprint != fingerprint.of_code()):
            lines.append("template: roles and permissions")
        groups: dict[str, int] = defaultdict(int)
        if state is not None:
            fleet = survey()
            for task in fleet.tasks:
                names = ", ".join(fleet.plans[task.group].names) or "roles and permissions"
                groups[names] += 1
        return [
            *lines,
            *(f"{count} spaces: {names}" for names, count in sorted(groups.items())),
        ]
