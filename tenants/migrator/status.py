"""The state of the fleet for people, and the comparison of every schema with the template."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from tenants import template
from tenants.migrator import plan as planning
from tenants.models import TEMPLATE_SCHEMA, SchemaState, Tenant
from tenants.routers import tenant_labels


@dataclass(frozen=True, slots=True)
class Row:
    """One schema as the operations page shows it; ``duration_ms`` of its last change."""

    schema_name: str
    owner: str
    status: str
    fingerprint: str
    duration_ms: int | None
    error: str


def rows() -> list[Row]:
    """Return the template, then every space by address."""
    owners = dict(Tenant.objects.values_list("schema_name", "slug"))
    return [
        Row(
            state.schema_name,
            owners.get(state.schema_name, ""),
            state.status,
            state.fingerprint,
            state.duration_ms,
            state.error,
        )
        for state in sorted(
            SchemaState.objects.all(),
            key=lambda state: (state.schema_name != TEMPLATE_SCHEMA, state.schema_name),
        )
        if state.schema_name == TEMPLATE_SCHEMA or state.schema_name in owners
    ]


def unused() -> list[str]:
    """Return the schemas made by the product that no space uses."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\\_%%' ORDER BY 1")
        names = [name for (name,) in cursor.fetchall()]
    used = set(Tenant.objects.values_list("schema_name", flat=True))
    return [name for name in names if name not in used]


def verify() -> list[str]:
    """Return one line per schema that differs from the template, empty when none does."""
    names = list(
        Tenant.objects.exclude(status__in=["provisioning", "failed"])
        .order_by("schema_name")
        .values_list("schema_name", flat=True)
    )
    digests = template.digest([*names, TEMPLATE_SCHEMA])
    wanted = digests.get(TEMPLATE_SCHEMA)
    recorded = planning.applied_in([*names, TEMPLATE_SCHEMA])
    leaves = planning.leaves(tenant_labels())
    lines = []
    for name in names:
        if name not in digests:
            lines.append(f"{name}: the schema is missing")
        elif not leaves <= recorded[name]:
            lines.append(f"{name}: {len(leaves - recorded[name])} applications to migrate")
        elif digests[name] != wanted:
            lines.append(f"{name}: the tables differ from the template's")
    return lines
