"""Erases a module from one space, or from the whole installation before its code is removed.

Announced first: people read and export for 30 days, then the data goes. It is exported before.
Licences and audit events stay: what was paid for and what was done are not data of the module.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from tenants import locks, template
from tenants.context import public, public_write, use
from tenants.models import TEMPLATE_SCHEMA, SchemaState, Tenant
from tenants.registry import TEMPLATE, TenantInfo, load
from tremplin.api import services, tasks
from tremplin.kernel import audit, clock, gate, reminders, settings_store
from tremplin.licensing import keeping, snapshots
from tremplin.modules import archive
from tremplin.modules.holdings import (
    Module,
    ModuleError,
    Summary,
    announcement_key,
    quote,
    summary,
)

logger = logging.getLogger(__name__)
READ_ONLY_FOR = timedelta(days=30)
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Purged:
    """What was erased of one space, and where its archive is."""

    tenant: TenantInfo
    erased: Summary
    archive: Path


def announce(tenant: TenantInfo, slug: str) -> datetime:
    """Make a module read-only in ``tenant`` and purge it in 30 days; return that day.

    Announcing twice keeps the first day. ``cancel`` takes it back. Raises ``ModuleError``.
    """
    # Tasks are declared once every service exists; this module is read before.
    from tremplin.modules.tasks import purge_due

    module = Module(slug)
    former = gate.states(tenant)[module.slug].purge_at
    if former is not None:
        return former
    day = clock.now() + READ_ONLY_FOR
    with use(tenant), transaction.atomic():
        gate.set_purge(tenant, slug, day)
        tasks.remind(announcement_key(slug), purge_due, due_at=day, slug=slug)
    return day


def cancel(tenant: TenantInfo, slug: str) -> bool:
    """Keep the data of a module whose purge was announced; return whether it was."""
    state = gate.states(tenant).get(slug)
    if state is None or state.purge_at is None:
        return False
    with use(tenant), transaction.atomic():
        gate.set_purge(tenant, slug, None)
        reminders.forget(announcement_key(slug))
    return True


def run_if_due(tenant: TenantInfo, slug: str) -> Purged | None:
    """Purge a module whose announced day has come; return None when it has not."""
    state = gate.states(tenant).get(slug)
    if state is None or state.purge_at is None or clock.now() < state.purge_at:
        return None
    return run(tenant, slug, now=False)


def run(tenant: TenantInfo, slug: str, *, now: bool, to: Path | None = None) -> Purged:
    """Export, then erase everything that ``tenant`` holds of a module, in one transaction.

    ``now`` skips the 30 days. Other spaces, tables and the right declarations stay. Raises
    ``ModuleError`` before the announced day, or while another installed module requires this one.
    """
    module = Module(slug)
    with public():
        _refuse_early(tenant, slug, now)
        _refuse_required(tenant, slug)
        path = to or archive.default_path(tenant, slug)
        with use(tenant), transaction.atomic():
            _lock(module)
            found = summary(tenant, module)
            archive.export(tenant, module, path)
            _erase(tenant, module)
            audit.record(
                "module.purged",
                target=f"module:{slug}",
                data={"rows": found.rows, "files": found.files, "version": module.manifest.version},
            )
    return Purged(tenant, found, path)


def run_ended(tenant: TenantInfo) -> list[str]:
    """Erase the data of modules whose last licence ended long enough ago; return their slugs.

    Nothing of it is kept, no archive either: the export was offered until then. Invoices, licences
    and audit events stay. A module that another one still needs waits for it.
    """
    erased = []
    for item in keeping.lost(tenant):
        if not item.is_due:
            continue
        try:
            if _erase_ended(tenant, item.module):
                erased.append(item.module)
        except ModuleError as error:
            logger.warning("the data of %s is not erased: %s", item.module, error)
    return erased


def _erase_ended(tenant: TenantInfo, slug: str) -> bool:
    module = Module(slug)
    with public():
        _refuse_required(tenant, slug)
        with use(tenant), transaction.atomic():
            _lock(module)
            found = summary(tenant, module)
            if replace(found, state=0).empty:
                return False
            _erase(tenant, module)
            audit.record(
                "module.purged",
                target=f"module:{slug}",
                data={
                    "rows": found.rows,
                    "files": found.files,
                    "version": module.manifest.version,
                    "reason": "licence_ended",
                },
            )
    return True


def _refuse_early(tenant: TenantInfo, slug: str, now: bool) -> None:
    if now:
        return
    day = gate.states(tenant)[slug].purge_at
    if day is None:
        raise ModuleError("The purge was not announced yet: it is read-only for 30 days first.")
    if clock.now() < day:
        raise ModuleError(
            f"The data stays until {day:%Y-%m-%d %H:%M} UTC: wait, or add --now to erase it at once."
        )


def _refuse_required(tenant: TenantInfo, slug: str) -> None:
    from tremplin.kernel import registry

    users = [
        entry.slug
        for entry in registry.installed()
        if entry.manifest is not None
        and slug in entry.manifest.requires
        and gate.mode(tenant, entry.slug) != "off"
    ]
    if users:
        raise ModuleError(f"{', '.join(users)} needs this module: switch it off first.")


def _existing(module: Module) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            " AND tablename = ANY(%s) ORDER BY 1",
            [module.tables],
        )
        return [row[0] for row in cursor.fetchall()]


def _lock(module: Module) -> None:
    """Let nobody write between the export and the erasure; deferred checks are made first."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in _existing(module):
            cursor.execute(f"LOCK TABLE {quote(table)} IN ACCESS EXCLUSIVE MODE")


def _erase(tenant: TenantInfo, module: Module) -> None:
    """Erase inside the caller's transaction and space."""
    tables = _existing(module)
    if tables:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(quote(table) for table in tables)}")
    for file in module.files().values_list("pk", flat=True):
        services.files().delete(file)
    for grants in module.grants():
        grants.delete()
    module.notifications().delete()
    module.forget_events()
    settings_store.erase(module.slug, tenant)
    with public_write(f"purge {module.slug}"):
        module.reminders(tenant).delete()
        module.jobs(tenant).filter(state="queued").delete()
    gate.forget_module(tenant, module.slug)
    # What a plan still holds can be switched on again, empty.
    snapshots.rebuild(tenant)


# --- the whole installation ----------------------------------------------------------------------


def holders() -> list[TenantInfo]:
    """Return every space that has a schema, whatever its status, by address."""
    rows = Tenant.objects.exclude(status__in=("provisioning", "failed", "deleting"))
    return sorted(load(rows), key=lambda tenant: tenant.slug)


def run_everywhere(slug: str, *, now: bool, report: Report) -> list[Purged]:
    """Purge every space, then drop the tables, the rights and the roles of a module.

    The step before its code is removed. Content types stay, they are shared by all. The state of
    each schema says that a migration is due, so that the module can be installed again.
    Raises ``ModuleError`` before anything is erased when one space is not due.
    """
    module = Module(slug)
    spaces = holders()
    with public():
        for tenant in spaces:
            if not summary(tenant, module).empty:
                _refuse_early(tenant, slug, now)
            _refuse_required(tenant, slug)
    with locks.session(locks.MIGRATOR) as taken:
        if not taken:
            raise ModuleError("A migration is running: wait until it has ended.")
        done = []
        for tenant in spaces:
            if not summary(tenant, module).empty:
                done.append(run(tenant, slug, now=now))
                report(f"{tenant.slug}: {done[-1].erased.rows} rows, archive {done[-1].archive}")
        for tenant in (*spaces, TEMPLATE):
            _drop(tenant, module)
        settings_store.erase(slug)
    return done


def _drop(tenant: TenantInfo, module: Module) -> None:
    """Drop what the module's migrations and declarations made in one schema, in one transaction."""
    with use(tenant), transaction.atomic():
        tables = _existing(module)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            if tables:
                cursor.execute(f"DROP TABLE {', '.join(quote(table) for table in tables)}")
        module.permissions.delete()
        module.roles.delete()
        MigrationRecorder(connection).migration_qs.filter(app=module.slug).delete()
        schema = TEMPLATE_SCHEMA if tenant == TEMPLATE else tenant.schema_name
        with public_write(f"purge {module.slug}"):
            SchemaState.objects.filter(schema_name=schema).update(
                status=SchemaState.Status.PENDING,
                digest=template.digest([schema]).get(schema, ""),
            )
