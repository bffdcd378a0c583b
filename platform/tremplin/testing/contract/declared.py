"""Rules read from the manifest, the sources and the hooks; no database."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tremplin.api import hookspecs
from tremplin.api.plugin import PROJECT
from tremplin.testing.contract.samples import sample_of
from tremplin.testing.contract.subjects import (
    discovery,
    document_of,
    folder_of,
    sources_of,
    subject,
)

SPDX = re.compile(r"^[A-Za-z0-9.+-]+( (OR|AND|WITH) [A-Za-z0-9.+-]+)*$")
OURS = ("tremplin", "tenants", "cms", "plugins")
FORBIDDEN = frozenset({"stripe", "djstripe", "openai", "django_tenants", "allauth"})


def test_rule_01_manifest(contract_slug: str) -> None:
    """Rule 1: texts in both languages, a licence expression, codes declared once."""
    manifest = subject(contract_slug).manifest
    assert manifest.slug == contract_slug
    assert SPDX.match(manifest.license), manifest.license
    assert set(manifest.languages) >= {"en", "fr"}
    assert contract_slug not in manifest.requires
    for texts in (manifest.name, manifest.summary, manifest.data_use, manifest.ai_use):
        assert texts.en.strip() == texts.en
        assert texts.fr.strip() == texts.fr
    for name, codes in {
        "permissions": [item.code for item in manifest.permissions],
        "roles": [item.code for item in manifest.roles],
        "notification_types": [item.key for item in manifest.notification_types],
        "topics": [item.pattern for item in manifest.topics],
        "subscribers": [item.key for item in manifest.subscribers],
        "events_published": [item.event_name for item in manifest.events_published],
    }.items():
        assert sorted(set(codes)) == sorted(codes), f"{name} declares a code twice"


def test_rule_02_imports_without_django(contract_slug: str) -> None:
    """Rule 2: settings read the manifest before Django exists."""
    found = subject(contract_slug)
    parts = found.manifest.django_app.split(".")
    roots = [str(folder_of(found).parents[len(parts) - 1]), *sys.path]
    code = (
        f"import sys; sys.path[:] = {roots!r}; "
        f"import {found.manifest.django_app}.plugin; "
        "print(sorted(m for m in sys.modules if m == 'django' or m.startswith('django.')))"
    )
    child = subprocess.run(  # noqa: S603  our own interpreter and our own code
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.strip() == "[]", "plugin.py imports Django"


def test_rule_02_imports_only_the_api(contract_slug: str) -> None:
    """Rule 2: of ours, a module imports ``tremplin.api`` and itself, nothing else."""
    found = subject(contract_slug)
    folder = folder_of(found)
    wrong = [
        f"{path.relative_to(folder)}:{line} imports {name}"
        for path in sources_of(folder, ".py")
        for line, name in imports_of(path)
        if not _import_allowed(name, found.manifest.django_app)
    ]
    assert wrong == []


def imports_of(path: Path) -> list[tuple[int, str]]:
    """Return line and full name of every import in a file, imports inside functions included."""
    names: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return names


def _import_allowed(name: str, own: str) -> bool:
    top = name.split(".")[0]
    if top in FORBIDDEN:
        return False
    if name == own or name.startswith(f"{own}."):
        return True
    if name == "tremplin.api" or name.startswith("tremplin.api."):
        return True
    return top not in OURS


def test_rule_03_hooks_match_the_specifications(contract_slug: str) -> None:
    """Rule 3: names and arguments of the specification, no default, plain functions."""
    plugin = subject(contract_slug).plugin
    specified = {
        name: set(inspect.signature(getattr(hookspecs, name)).parameters)
        for name in hookspecs.STARTUP | hookspecs.QUESTIONS | hookspecs.LIFE_CYCLE
    }
    implemented = hook_functions(plugin)
    assert set(implemented) - set(specified) == set(), "unknown hooks"
    assert "personal_data" in implemented, "personal_data is mandatory"
    for name, function in implemented.items():
        assert not inspect.iscoroutinefunction(function), f"{name} is async"
        parameters = inspect.signature(function).parameters.values()
        assert {item.name for item in parameters} - specified[name] == set(), name
        for item in parameters:
            assert item.default is inspect.Parameter.empty, f"{name}({item.name}) has a default"
            assert item.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD, f"{name}({item.name})"


def hook_functions(plugin: object) -> dict[str, Callable[..., Any]]:
    """Return the hook implementations of a plugin object by name."""
    found = {name: getattr(plugin, name) for name in dir(plugin) if not name.startswith("__")}
    return {name: item for name, item in found.items() if getattr(item, f"{PROJECT}_impl", None)}


def test_rule_11_migration_dependencies(contract_slug: str) -> None:
    """Rule 11: migrations depend on the module itself, the user model and content types only."""
    folder = folder_of(subject(contract_slug)) / "migrations"
    wrong: list[str] = []
    for path in sorted(folder.glob("[0-9]*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if not isinstance(target, ast.Name) or target.id not in {"dependencies", "run_before"}:
                continue
            assert isinstance(node, ast.Assign)
            assert isinstance(node.value, ast.List | ast.Tuple), f"{path.name}: not a plain list"
            wrong += [
                f"{path.name}: {ast.unparse(item)}"
                for item in node.value.elts
                if not dependency_allowed(item, contract_slug)
            ]
    assert wrong == []


def dependency_allowed(item: ast.expr, slug: str) -> bool:
    """Tell whether one entry of ``dependencies`` is of the three allowed kinds."""
    if isinstance(item, ast.Call):
        return ast.unparse(item) == "migrations.swappable_dependency(settings.AUTH_USER_MODEL)"
    if not isinstance(item, ast.Tuple) or len(item.elts) != 2:
        return False
    app, name = (part.value if isinstance(part, ast.Constant) else "" for part in item.elts)
    if app == slug:
        return name != "__latest__"
    return (app, name) == ("contenttypes", "__first__")


def test_rule_12_events(contract_slug: str, golden: Callable[[str, Any], None]) -> None:
    """Rule 12: schemas equal their golden files; readers ignore fields they do not know."""
    manifest = subject(contract_slug).manifest
    for event in manifest.events_published:
        golden(f"events/{event.event_name}.json", event.model_json_schema())
        payload = {name: sample_of(info.annotation) for name, info in event.model_fields.items()}
        read = event.model_validate({**payload, "a_field_of_tomorrow": 1})
        assert event.model_validate_json(read.model_dump_json()) == read
        assert "a_field_of_tomorrow" not in read.model_dump()
    known = {
        event.event_name for found in discovery().found for event in found.manifest.events_published
    }
    from tremplin.testing.core_events import CORE_EVENTS

    known |= {event.event_name for event in CORE_EVENTS}
    assert {item.event_name for item in manifest.subscribers} - known == set()


def test_rule_19_readme(contract_slug: str) -> None:
    """Rule 19: a README that names the module and says what it keeps, and a change log."""
    found = subject(contract_slug)
    readme = document_of(found, "README.md")
    assert readme.is_file(), "README.md is missing"
    text = readme.read_text(encoding="utf-8")
    assert text.lower().startswith(f"# {found.manifest.name.en.lower()}"), text[:60]
    assert document_of(found, "CHANGELOG.md").is_file(), "CHANGELOG.md is missing"


def test_rule_20_prefixes(contract_slug: str) -> None:
    """Rule 20: label, tables, permissions and public addresses belong to this module alone."""
    from django.apps import apps

    found = subject(contract_slug)
    config = apps.get_app_config(contract_slug)
    assert config.name == found.manifest.django_app
    tables = [model._meta.db_table for model in config.get_models(include_auto_created=True)]
    assert [name for name in tables if not name.startswith(f"{contract_slug}_")] == []
    user = apps.get_model("identity.User")
    for model in config.get_models(include_auto_created=True):
        for relation in model._meta.get_fields():
            target = relation.related_model if relation.concrete else None
            if target in (None, "self") or target._meta.app_label == contract_slug:
                continue
            name = f"{model._meta.label}.{relation.name}"
            allowed = target is user or target._meta.app_label == "contenttypes"
            assert allowed, f"{name} points to {target._meta.label}"
            assert relation.remote_field.related_name == "+", f"{name} needs related_name='+'"
    for other in discovery().found:
        if other.slug != contract_slug:
            shared = set(other.manifest.public_prefixes) & set(found.manifest.public_prefixes)
            assert shared == set()
            roles = {item.code for item in other.manifest.roles}
            assert roles & {item.code for item in found.manifest.roles} == set()
