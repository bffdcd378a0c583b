"""Applying a plan to one schema: operations, records, permissions, digest, state."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterable
from itertools import groupby

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F
from django.db.models.signals import post_migrate
from django.utils import timezone

from tenants import steps as registered
from tenants import template
from tenants.context import public_write, use
from tenants.db.base import PUBLIC
from tenants.errors import MigrationFailed
from tenants.fingerprint import release
from tenants.migrator.plan import Plan, Step
from tenants.models import SchemaState
from tenants.registry import TenantInfo
from tenants.routers import tenant_labels

LOCK_TIMEOUT = "3s"
ATTEMPTS = 5
RETRIED = frozenset({"55P03", "40P01"})  # lock_not_available, deadlock_detected


def run_steps(found: Iterable[Step], *, together: bool) -> None:
    """Apply the steps in the current schema.

    ``together``: consecutive atomic migrations share one transaction, so a killed run leaves the
    schema done or undone; otherwise each has its own (the first build of a large schema), and
    ``found`` may be a generator whose states are freed on the way.
    """
    for (atomic, _), group in groupby(
        enumerate(found),
        key=lambda item: (item[1].migration.atomic, together or item[0]),
    ):
        batch = [step for _, step in group]
        if not atomic:
            for step in batch:
                _run(step)
            continue
        with transaction.atomic():
            for step in batch:
                _run(step)
                # Rows touched by a data migration leave deferred checks behind, and a table
                # with pending checks cannot be altered by the next migration.
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                    cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _run(step: Step) -> None:
    migration = step.migration
    with connection.schema_editor(atomic=migration.atomic) as editor:
        for action in step.actions:
            operation = action.operation
            whole = operation.atomic or (migration.atomic and operation.atomic is not False)
            if not editor.atomic_migration and whole:
                with transaction.atomic():
                    operation.database_forwards(
                        migration.app_label, editor, action.before, action.after
                    )
            else:
                operation.database_forwards(
                    migration.app_label, editor, action.before, action.after
                )
    recorder = MigrationRecorder(connection)
    for app, name in step.recorded:
        recorder.record_applied(app, name)


def sync(touched: frozenset[str]) -> None:
    """Create the permissions of the ``touched`` applications, then run the registered syncs."""
    for config in apps.get_app_configs():
        if config.label in touched and config.label in tenant_labels():
            post_migrate.send(
                sender=config,
                app_config=config,
                verbosity=0,
                interactive=False,
                using=DEFAULT_DB_ALIAS,
                apps=apps,
                plan=[],
                stdout=None,
            )
    for _name, run in registered.schema_syncs():
        run()


def mark(schema: str, **values: object) -> None:
    """Write the state of ``schema``."""
    with public_write("migration"):
        SchemaState.objects.update_or_create(schema_name=schema, defaults=values)


def apply_to(tenant: TenantInfo, plan: Plan, fingerprint: str, digest: str) -> str:
    """Bring one space to ``fingerprint``; return an empty string or the error.

    The whole change and its state are one transaction. A lock that does not come is retried.
    """
    begin = time.monotonic()
    with use(tenant), public_write("migration"):
        SchemaState.objects.filter(schema_name=tenant.schema_name).update(
            status=SchemaState.Status.RUNNING,
            attempts=F("attempts") + 1,
            started_at=timezone.now(),
            worker=str(os.getpid()),
            error="",
        )
        for attempt in range(ATTEMPTS):
            try:
                _apply(tenant, plan, fingerprint, digest, begin)
                return ""
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", "") in RETRIED and attempt < ATTEMPTS - 1:
                    time.sleep(0.2 * 2**attempt)
                    continue
                return _failed(tenant, begin, error)
            except Exception as error:  # noqa: BLE001  one failing space must not stop the fleet
                return _failed(tenant, begin, error)
    return ""


def _apply(tenant: TenantInfo, plan: Plan, fingerprint: str, digest: str, begin: float) -> None:
    outside = [step for step in plan.steps if not step.migration.atomic]
    if outside:
        run_steps(plan.steps, together=True)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        if not outside:
            run_steps(plan.steps, together=True)
        sync(plan.touched)
        found = template.digest([tenant.schema_name]).get(tenant.schema_name, "")
        if found != digest:
            raise MigrationFailed(reason="the tables differ from the template's")
        SchemaState.objects.update_or_create(
            schema_name=tenant.schema_name,
            defaults={
                "fingerprint": fingerprint,
                "digest": found,
                "release": release(),
                "status": SchemaState.Status.CURRENT,
                "finished_at": timezone.now(),
                "duration_ms": round((time.monotonic() - begin) * 1000),
                "error": "",
            },
        )


def _failed(tenant: TenantInfo, begin: float, error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))[-4000:]
    SchemaState.objects.filter(schema_name=tenant.schema_name).update(
        status=SchemaState.Status.FAILED,
        finished_at=timezone.now(),
        duration_ms=round((time.monotonic() - begin) * 1000),
        error=text,
    )
    return f"{type(error).__name__}: {error}".strip().splitlines()[0]


def ensure_schema(schema: str) -> None:
    """Create ``schema`` when it is missing: a table must never land in ``public`` instead."""
    if schema == PUBLIC:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NULL", [schema])
        if cursor.fetchone()[0]:
            cursor.execute(f'CREATE SCHEMA "{schema}"')
