"""What the operator sees: spaces, schemas, queues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext

from tenants.models import Domain, SchemaState, Tenant
from tenants.registry import TenantInfo, all_tenants
from tremplin.billing.cards import module_name
from tremplin.kernel import registry as plugins


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """One space of the operator's list."""

    tenant: TenantInfo
    reseller: str
    reseller_uuid: UUID | None
    kind: str
    status: str
    schema_label: str
    created_at: datetime | None
    hosts: list[str]


@dataclass(frozen=True, slots=True)
class PluginRow:
    slug: str
    name: str
    version: str
    status: str
    problem: str


@dataclass(frozen=True, slots=True)
class Queue:
    name: str
    length: int

    @property
    def label(self) -> str:
        """Return what the queue carries, in the reader's language; its own name for another one."""
        names = {
            "ai": gettext("Answers of AI models"),
            "bulk": gettext("Long tasks: imports, exports, documents"),
            "default": gettext("Ordinary tasks"),
            "mail": gettext("Messages to send"),
        }
        return names.get(self.name, self.name)


def spaces() -> list[SpaceRow]:
    """Return every space with the state of its schema, in four queries whatever their number."""
    states = dict(SchemaState.objects.values_list("schema_name", "status"))
    created = dict(Tenant.objects.values_list("pk", "created_at"))
    hosts: dict[int, list[str]] = {}
    for tenant_id, host in Domain.objects.order_by("-is_primary", "domain").values_list(
        "tenant_id", "domain"
    ):
        hosts.setdefault(tenant_id, []).append(host)
    tenants = all_tenants()
    names = {tenant.pk: tenant.name for tenant in tenants}
    keys = {tenant.pk: tenant.uuid for tenant in tenants}
    return [
        SpaceRow(
            tenant,
            names.get(tenant.reseller_pk or 0, ""),
            keys.get(tenant.reseller_pk or 0),
            str(Tenant.Kind(tenant.kind).label),
            str(Tenant.Status(tenant.status).label),
            _schema_label(states.get(tenant.schema_name)),
            created.get(tenant.pk),
            hosts.get(tenant.pk, []),
        )
        for tenant in sorted(tenants, key=lambda tenant: tenant.name.lower())
    ]


def _schema_label(status: str | None) -> str:
    return str(SchemaState.Status(status).label) if status else gettext("Unknown")


def modules() -> list[PluginRow]:
    """Return the installed plugins, those that could not start included."""
    return [
        PluginRow(
            entry.slug,
            module_name(entry.slug),
            entry.manifest.version if entry.manifest else "",
            entry.status,
            entry.problem or "",
        )
        for entry in plugins.plugins()
    ]


def queues() -> list[Queue]:
    """Return the length of each task queue of the database broker; empty with another broker."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace('pgmq') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(
            "SELECT queue_name, queue_length FROM pgmq.metrics_all() ORDER BY queue_name"
        )
        return [Queue(name, length) for name, length in cursor.fetchall()]
