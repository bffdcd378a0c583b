"""Every model and command says whether it is public or of one tenant; keys stay in their place."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import get_commands

from tests.architecture.tree import ROOT

OURS = ("tremplin.", "tenants.", "plugins.")


def _models() -> list[type]:
    return [model for model in apps.get_models() if model.__module__.startswith(OURS)]


def test_every_model_declares_its_scope() -> None:
    from tremplin.kernel.checks import check_scopes

    assert check_scopes() == []


def test_scope_follows_the_app() -> None:
    """An app is wholly public or wholly tenant."""
    scopes: dict[str, set[str]] = {}
    for model in _models():
        scopes.setdefault(model._meta.app_label, set()).add(model.tremplin_scope)
    assert {label: found for label, found in scopes.items() if len(found) != 1} == {}
    assert {label for label, found in scopes.items() if found == {"public"}} == {
        "tenants",
        "kernel_state",
        "licensing",
        "billing",
        "marketplace",
    }


def test_tenant_tables_reference_content_types_only_in_public() -> None:
    wrong = [
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for model in _models()
        if model.tremplin_scope == "tenant"
        for field in model._meta.get_fields()
        if field.concrete
        and field.is_relation
        and getattr(field.related_model, "tremplin_scope", "") == "public"
    ]
    assert wrong == []


def test_core_never_references_a_plugin_table() -> None:
    from django.conf import settings

    labels = {found.slug for found in settings.PLUGINS.found}
    wrong = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        if model._meta.app_label not in labels
        for field in model._meta.get_fields()
        if field.concrete
        and field.is_relation
        and field.related_model not in (None, "self")
        and field.related_model._meta.app_label in labels
    ]
    assert wrong == []


def test_every_command_declares_its_scope() -> None:
    ours = {
        name: app
        for name, app in get_commands().items()
        if isinstance(app, str) and f"{app}.".startswith(OURS)
    }
    assert {"tenant", "verify_audit_chain", "plugin"} <= set(ours)
    scopes = {
        name: getattr(
            import_module(f"{app}.management.commands.{name}").Command, "tremplin_scope", ""
        )
        for name, app in ours.items()
    }
    assert {
        name: scope for name, scope in scopes.items() if scope not in ("public", "tenant")
    } == {}


@pytest.mark.parametrize("slug", sorted(p.parent.name for p in ROOT.glob("plugins/*/migrations")))
def test_plugin_migrations_depend_on_no_core_migration(slug: str) -> None:
    from tremplin.testing.contract.declared import test_rule_11_migration_dependencies

    test_rule_11_migration_dependencies(slug)


def test_contract_modules_import_only_the_api() -> None:
    from tremplin.testing.contract.declared import test_rule_02_imports_only_the_api
    from tremplin.testing.contract.subjects import discovered_slugs

    for slug in discovered_slugs():
        test_rule_02_imports_only_the_api(slug)
