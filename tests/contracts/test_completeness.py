"""No hook without documentation, a contract test and a bundled module that uses it."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from tremplin.api import hookspecs
from tremplin.testing.contract import declared, files, pages, tables
from tremplin.testing.contract.declared import hook_functions
from tremplin.testing.contract.subjects import discovery
from tremplin.testing.golden import compare
from tremplin.testing.reference import PAGES, signature
from tremplin.testing.surface import hook_names

ROOT = Path(__file__).resolve().parents[2]
HOOKS = sorted(hookspecs.STARTUP | hookspecs.QUESTIONS | hookspecs.LIFE_CYCLE)


def test_every_hook_is_of_one_family() -> None:
    assert sorted(hook_names()) == HOOKS
    assert len(HOOKS) == (
        len(hookspecs.STARTUP) + len(hookspecs.QUESTIONS) + len(hookspecs.LIFE_CYCLE)
    )
    marked = {
        name
        for name, item in vars(hookspecs).items()
        if inspect.isfunction(item) and hasattr(item, "tremplin_spec")
    }
    assert sorted(marked) == HOOKS


@pytest.mark.parametrize("name", sorted(PAGES))
def test_reference_page_is_current(name: str, request: pytest.FixtureRequest) -> None:
    """Every hook, setting, event, permission and command is in ``docs/reference``."""
    update = bool(request.config.getoption("--update-golden"))
    compare(ROOT / "docs" / "reference" / name, PAGES[name](), update=update)


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_is_documented_with_its_exact_signature(hook: str) -> None:
    page = (ROOT / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")
    assert f"### {hook}\n" in page
    assert signature(getattr(hookspecs, hook)) in page


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_is_used_by_a_bundled_module(hook: str) -> None:
    users = [
        found.slug
        for found in discovery().found
        if found.manifest.django_app.startswith("plugins.") and hook in hook_functions(found.plugin)
    ]
    assert users != []


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_has_a_contract_test(hook: str) -> None:
    """Questions are looped over by name (rules 4, 5, 14); the others are called one by one."""
    sources = "".join(inspect.getsource(module) for module in (declared, files, pages, tables))
    if hook in hookspecs.QUESTIONS:
        assert "for name in sorted(hookspecs.QUESTIONS)" in sources
    else:
        assert hook in sources
