"""Purge from the whole installation: tables and rights go, and come back with a migration."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tenants import registry, template
from tenants.context import public, use
from tenants.migrator import migrate_all
from tenants.models import TEMPLATE_SCHEMA, SchemaState
from tremplin.api import hookspecs, services
from tremplin.kernel import gate
from tremplin.kernel.dispatch import dispatcher
from tremplin.modules import purge
from tremplin.modules.holdings import Module, summary
from tremplin.testing.contract.world import person, switch_on

SLUG = "quiz"


def facts() -> dict[str, Any]:
    """What the database holds of the module, outside the rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT schemaname), count(*) FROM pg_tables WHERE tablename ~ '^quiz_'"
        )
        schemas, tables = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM django_content_type WHERE app_label = 'quiz'")
        types = cursor.fetchone()[0]
    rights = []
    for slug in ("mecaformation", "lycee"):
        tenant = registry.by_slug(slug)
        assert tenant is not None
        with use(tenant):
            rights.append(Module(SLUG).permissions.count())
    return {"schemas": schemas, "tables": tables, "types": types, "rights": rights}


def test_a_module_leaves_everywhere_and_is_installed_again(
    own_database: str, settings: Any, freeze: Any
) -> None:
    freeze(datetime(2026, 3, 2, 9, tzinfo=UTC))
    with public():
        before = facts()
        spaces = {slug: registry.by_slug(slug) for slug in ("mecaformation", "lycee")}
        for tenant in spaces.values():
            with use(tenant):
                switch_on(tenant, SLUG)
                person("learner"), person("trainer")
                ctx = services.contexts().current()
                dispatcher.call_one(hookspecs.seed_demo, SLUG, ctx=ctx, seed=7)
        held = {slug: summary(tenant, Module(SLUG)) for slug, tenant in spaces.items()}
    # The first call without --now announces, and nothing goes before the day.
    out = StringIO()
    call_command("plugin", "purge", SLUG, "--confirm", SLUG, stdout=out)
    assert out.getvalue().count("read-only until 2026-04-01") == 2
    with pytest.raises(CommandError, match="The data stays until 2026-04-01"):
        call_command("plugin", "purge", SLUG, "--confirm", SLUG, stdout=out)
    with public():
        assert facts() == before
        assert {slug: summary(tenant, Module(SLUG)).rows for slug, tenant in spaces.items()} == {
            slug: found.rows for slug, found in held.items()
        }
    freeze(datetime(2026, 4, 1, 9, tzinfo=UTC))
    out = StringIO()
    call_command("plugin", "purge", SLUG, "--confirm", SLUG, stdout=out)
    assert "quiz is purged from 2 spaces; its code can be removed." in out.getvalue()
    with public():
        gone = facts()
        assert (gone["schemas"], gone["tables"], gone["rights"]) == (0, 0, [0, 0])
        assert gone["types"] == before["types"]
        assert SchemaState.objects.get(schema_name=TEMPLATE_SCHEMA).status == "pending"
        registry.invalidate()
        # The spaces are served all the while.
        assert [registry.by_slug(slug).ready for slug in spaces] == [True, True]  # type: ignore[union-attr]
        result = migrate_all()
        assert (result.failed, result.unchanged) == ({}, 0)
        assert facts() == before
        digests = template.digest([tenant.schema_name for tenant in purge.holders()])
        assert len(set(digests.values())) == 1
        for slug, tenant in spaces.items():
            with use(tenant):
                switch_on(tenant, SLUG)
                ctx = services.contexts().current()
                dispatcher.call_one(hookspecs.seed_demo, SLUG, ctx=ctx, seed=7)
            assert summary(tenant, Module(SLUG)).tables == held[slug].tables
            assert gate.mode(tenant, SLUG) == "on"
