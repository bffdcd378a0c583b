"""Rules about what a module keeps: settings, personal data, demo content, tables, tasks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID

from tremplin.api import NoPersonalData
from tremplin.testing.contract.subjects import subject
from tremplin.testing.contract.world import person, switch_off, switch_on

Inside = Callable[[Any], AbstractContextManager[Any]]
SECRET_WORDS = ("secret", "token", "password", "api_key", "private_key")
SEED = 20260302
MIGRATION_BUDGET_SECONDS = 20.0


def row_counts(slug: str) -> dict[str, int]:
    """Return the number of rows of each table of a module in the current tenant."""
    from django.apps import apps

    models = apps.get_app_config(slug).get_models(include_auto_created=True)
    return {model._meta.db_table: model._default_manager.count() for model in models}


def mentions(slug: str, needles: list[str]) -> list[str]:
    """Return ``table.column`` of every cell of a module's tables that holds one of ``needles``."""
    from django.apps import apps
    from django.db import connection

    found: list[str] = []
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for model in apps.get_app_config(slug).get_models(include_auto_created=True):
            for field in model._meta.local_concrete_fields:
                table, column = quote(model._meta.db_table), quote(field.column)
                tests = " OR ".join([f"{column}::text ILIKE %s"] * len(needles))
                query = f"SELECT count(*) FROM {table} WHERE {tests}"  # noqa: S608  quoted names
                cursor.execute(query, [f"%{needle}%" for needle in needles])
                if cursor.fetchone()[0]:
                    found.append(f"{model._meta.db_table}.{field.column}")
    return found


def test_rule_07_settings(contract_slug: str, db: None, tenant_a: Any, inside: Inside) -> None:
    """Rule 7: defaults are valid, secrets are secret, values come back, the form renders."""
    from pydantic import SecretStr

    from tremplin.kernel.settings_store import effective, field_is_secret, write
    from tremplin.kernel.settings_store.forms import settings_form

    model = subject(contract_slug).manifest.settings
    if model is None:
        return
    with inside(tenant_a):
        defaults = effective(model, tenant_a)
        assert defaults == model()
        model.model_validate(defaults.model_dump())
        for name in model.model_fields:
            if any(word in name for word in SECRET_WORDS):
                assert field_is_secret(model, name), f"{name} must be SecretStr"
        values = {
            name: "contract" if isinstance(value, SecretStr) else value
            for name, value in defaults
            if value is not None
        }
        write("tenant", tenant_a, contract_slug, values)
        again = effective(model, tenant_a)
        for name, value in defaults:
            shown = getattr(again, name)
            if isinstance(value, SecretStr):
                assert shown.get_secret_value() == "contract"
            else:
                assert shown == value
        form = settings_form(model, tenant_a, contract_slug)
        assert list(form.fields) == list(model.model_fields)
        html = "".join(str(form[name].as_widget()) for name in form.fields)
        assert html.count("<") >= len(form.fields)
        assert "contract" not in html.replace(contract_slug, "") or not any(
            field_is_secret(model, name) for name in model.model_fields
        )


def test_rule_08_personal_data(contract_slug: str, db: None, tenant_a: Any, inside: Inside) -> None:
    """Rule 8: after erasure no cell names the person, whether the module is on or off."""
    from tremplin.api import services
    from tremplin.kernel import clock, registry

    answers = registry.personal_data(contract_slug)
    assert answers
    with inside(tenant_a):
        switch_on(tenant_a, contract_slug)
        # Demo content is about the people who exist: a learner and a trainer must be there.
        people = [person("learner"), person("learner"), person("trainer", "admin")]
        _seed(contract_slug)
        ctx = services.contexts().current()
        named = _named_people(contract_slug)
        named |= {who.pk for who in people if mentions(contract_slug, [str(who.pk)])}
        for answer in answers:
            if isinstance(answer, NoPersonalData):
                assert answer.reason
                assert named == set(), "rows name people, yet the module says it keeps nothing"
                continue
            keys = [item.key for item in answer.describe()]
            assert keys
            assert [key for key in keys if not key.startswith(f"{contract_slug}.")] == []
            assert named, "demo content names nobody: erasure would prove nothing"
            for index, who in enumerate(sorted(named)):
                if index == 1:
                    switch_off(tenant_a, contract_slug)
                exported = list(answer.export(ctx, who))
                assert exported
                assert all(file.name.startswith(f"{contract_slug}/") for file in exported)
                answer.erase(ctx, who)
                assert mentions(contract_slug, [str(who), *_emails(who)]) == []
                assert answer.erase(ctx, who) == 0, "erasing twice must change nothing"
            answer.retain(ctx, clock.now() - timedelta(days=36_500))


def _seed(slug: str) -> None:
    from tremplin.api import hookspecs, services
    from tremplin.kernel.dispatch import dispatcher

    ctx = services.contexts().current()
    dispatcher.call_one(hookspecs.seed_demo, slug, ctx=ctx, seed=SEED)


def _install_its_packs(slug: str) -> None:
    from tremplin.api import hookspecs, services
    from tremplin.kernel.dispatch import dispatcher

    ctx = services.contexts().current()
    found = dispatcher.collect(hookspecs.content_packs, frozenset({slug}), ctx=ctx)
    keys = tuple(answer.value for answer in found)
    assert all(isinstance(key, str) and key for key in keys)
    assert len(set(keys)) == len(keys)
    dispatcher.call_one(hookspecs.install_packs, slug, ctx=ctx, packs=keys)


def _named_people(slug: str) -> set[UUID]:
    """Return the people of the current tenant whose id is in a table of the module."""
    from django.contrib.auth import get_user_model

    ids = get_user_model()._default_manager.values_list("pk", flat=True)
    return {pk for pk in ids if mentions(slug, [str(pk)])}


def _emails(pk: UUID) -> list[str]:
    from django.contrib.auth import get_user_model

    return list(get_user_model()._default_manager.filter(pk=pk).values_list("email", flat=True))


def test_rule_09_seed_demo(contract_slug: str, db: None, tenant_a: Any, inside: Inside) -> None:
    """Rule 9: seeding twice equals seeding once, and so does installing the packs it names."""
    with inside(tenant_a):
        switch_on(tenant_a, contract_slug)
        for roles in (("learner",), ("learner",), ("trainer",)):
            person(*roles)
        _seed(contract_slug)
        once = row_counts(contract_slug)
        _seed(contract_slug)
        assert row_counts(contract_slug) == once
        _install_its_packs(contract_slug)
        assert row_counts(contract_slug) == once


def test_rule_10_activation(contract_slug: str, db: None, tenant_a: Any, inside: Inside) -> None:
    """Rule 10: ``activated`` twice equals once; switching off keeps the data."""
    from tremplin.kernel import gate
    from tremplin.kernel.activation import run_activated

    with inside(tenant_a):
        switch_on(tenant_a, contract_slug)
        once = row_counts(contract_slug)
        run_activated(contract_slug, first_time=True)
        run_activated(contract_slug, first_time=False)
        assert row_counts(contract_slug) == once
        _seed(contract_slug)
        full = row_counts(contract_slug)
        switch_off(tenant_a, contract_slug)
        assert gate.mode(tenant_a, contract_slug) == "off"
        assert row_counts(contract_slug) == full
        gate.activate(tenant_a, contract_slug)
        assert gate.mode(tenant_a, contract_slug) == "on"


def test_rule_11_migrations(contract_slug: str, db: None, tenant_a: Any, inside: Inside) -> None:
    """Rule 11: no migration is missing, each can be undone, back to zero and forth in time."""
    from time import perf_counter

    from django.apps import apps
    from django.db import connection
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None, ignore_no_migrations=True)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    missing = detector.changes(graph=loader.graph)
    assert missing.get(contract_slug, []) == []
    keys = [key for key in loader.graph.nodes if key[0] == contract_slug]
    if not keys:
        return
    plan = loader.graph._generate_plan(loader.graph.leaf_nodes(contract_slug), at_end=True)
    mine = [key for key in plan if key[0] == contract_slug]
    assert sorted(mine) == sorted(keys)
    for key in mine:
        for operation in loader.graph.nodes[key].operations:
            assert operation.reversible, f"{key[1]}: {operation.describe()} cannot be undone"
    with inside(tenant_a), connection.cursor() as cursor:
        started = perf_counter()
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        before = _tables(cursor, contract_slug)
        # The executor would ask the schema for migrations of shared apps, recorded in public.
        for key in reversed(mine):
            state = loader.project_state(key, at_end=False)
            with connection.schema_editor() as editor:
                loader.graph.nodes[key].unapply(state, editor)
        assert _tables(cursor, contract_slug) == []
        for key in mine:
            state = loader.project_state(key, at_end=False)
            with connection.schema_editor() as editor:
                loader.graph.nodes[key].apply(state, editor)
        assert _tables(cursor, contract_slug) == before
        assert perf_counter() - started < MIGRATION_BUDGET_SECONDS


def _tables(cursor: Any, slug: str) -> list[str]:
    cursor.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() "
        "AND tablename LIKE %s ORDER BY 1",
        [slug.replace("_", r"\_") + r"\_%"],
    )
    return [row[0] for row in cursor.fetchall()]


def test_rule_13_tasks(contract_slug: str) -> None:
    """Rule 13: tasks are bound to a tenant and to this module, limited in time, take plain values."""
    from importlib import import_module
    from importlib.util import find_spec

    from celery import Task

    from tremplin.kernel.tasks import TenantTask

    manifest = subject(contract_slug).manifest
    name = f"{manifest.django_app}.tasks"
    scheduled = {item.task for item in manifest.schedules}
    if find_spec(name) is None:
        assert scheduled == set()
        return
    module = import_module(name)
    tasks = {key: item for key, item in vars(module).items() if isinstance(item, Task)}
    for key, task in tasks.items():
        if task.run.__module__ != name:
            continue
        assert isinstance(task, TenantTask), f"{key} is not declared with tremplin.api.tasks.task"
        assert task.module == contract_slug, f"{key} does not name its module"
        assert 1 <= (task.soft_time_limit or 0) <= 3600, f"{key} has no time limit"
        for parameter in inspect.signature(task.run).parameters.values():
            plain = str(parameter.annotation).replace(" | None", "")
            assert plain in {"str", "int", "bool", "float"}, f"{key}({parameter.name}: {plain})"
    assert {path for path in scheduled if path.rsplit(".", 1)[1] not in tasks} == set()
