"""Dependencies point downwards: import-linter's contracts, and that their lists are complete."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from importlinter.cli import lint_imports

from tests.architecture.tree import ROOT

TREMPLIN = ROOT / "platform" / "tremplin"


def _contracts() -> dict[str, dict[str, Any]]:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {item["id"]: item for item in data["tool"]["importlinter"]["contracts"]}


def _packages() -> set[str]:
    return {path.parent.name for path in TREMPLIN.glob("*/__init__.py")}


def test_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    report = capsys.readouterr().out
    assert code == 0, report
    assert "Contracts: 6 kept, 0 broken." in report


def test_every_package_is_in_the_layers() -> None:
    layers = _contracts()["layers"]["layers"]
    named = {part.strip() for line in layers for part in line.split("|")}
    assert named == {f"tremplin.{name}" for name in _packages()} | {"tenants"}


def test_plugins_are_forbidden_every_package_but_the_api() -> None:
    forbidden = set(_contracts()["plugins-see-only-the-api"]["forbidden_modules"])
    assert forbidden == {f"tremplin.{name}" for name in _packages() - {"api"}} | {"tenants"}
