"""Discovery: what is found, what is left out and why, before Django exists."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tremplin.kernel import discovery
from tremplin.kernel.discovery import api_version_allowed, discover

SUPPORT = Path(__file__).resolve().parents[2] / "support" / "plugins"
MANIFEST = """
from tremplin.api import Manifest, Text
class Plugin:
    manifest = Manifest(slug="{slug}", name=Text(en="A", fr="A"), summary=Text(en="A", fr="A"),
        version="1.0.0", api="{api}", django_app="{app}", data_use=Text(en="A", fr="A"),
        ai_use=Text(en="A", fr="A"){more})
plugin = Plugin()
"""


def _write(
    folder: Path, name: str, *, slug: str = "", api: str = ">=1.0,<2", app: str = "", more: str = ""
) -> None:
    package = folder / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    text = MANIFEST.format(slug=slug or name, api=api, app=app or name, more=more)
    (package / "plugin.py").write_text(text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [*sys.path])
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_support_plugins_are_found_in_slug_order() -> None:
    result = discover([SUPPORT], bundled=False)
    assert [found.slug for found in result.found] == [
        "breaks_database",
        "dependent",
        "dummy",
        "needed",
        "plain",
        "raises",
        "raises_late",
        "slow",
        "wrong_type",
    ]
    assert result.django_apps[2] == "tests.support.plugins.dummy"


def test_an_incompatible_plugin_is_not_imported() -> None:
    result = discover([SUPPORT], bundled=False)
    assert [(p.slug, p.kind, p.reason) for p in result.problems] == [
        ("incompatible", "incompatible", "needs the plugin API >=9, this is 1.3.0")
    ]
    assert "tests.support.plugins.incompatible.plugin" not in sys.modules


def test_names_starting_with_an_underscore_are_skipped(folder: Path) -> None:
    _write(folder, "_draft_kd1")
    assert discover([folder], bundled=False) == discovery.Discovery()


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert discover([tmp_path / "absent"], bundled=False) == discovery.Discovery()


def test_the_same_object_found_twice_counts_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(folder, "kd_twice")
    sys.path.insert(0, str(folder))
    point = EntryPoint("kd_twice", "kd_twice.plugin:plugin", discovery.ENTRY_POINT_GROUP)
    monkeypatch.setattr(discovery, "entry_points", lambda group: [point])
    monkeypatch.setattr(discovery, "BUNDLED", folder)
    result = discover()
    assert [found.slug for found in result.found] == ["kd_twice"]
    assert result.problems == ()


def test_a_slug_taken_twice_keeps_the_first(folder: Path) -> None:
    _write(folder, "kd_first", slug="kd_same")
    _write(folder, "kd_second", slug="kd_same")
    result = discover([folder], bundled=False)
    assert [found.manifest.django_app for found in result.found] == ["kd_first"]
    assert "already taken" in result.problems[0].reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
        (
            "raise ImportError('no such library')",
            "cannot be imported: ImportError: no such library",
        ),
        ("plugin = object()", "has no manifest (tremplin.api.Manifest)"),
        (
            "x = (",
            "cannot be imported: SyntaxError: '(' was never closed (plugin.py, line 1)",
        ),
        (
            "other = 1",
            "cannot be imported: AttributeError: module 'kd_bad.plugin' has no attribute 'plugin'",
        ),
    ],
)
def test_a_broken_plugin_is_left_out_with_its_reason(
    folder: Path, content: str, reason: str
) -> None:
    _write(folder, "kd_good")
    (folder / "kd_bad").mkdir()
    (folder / "kd_bad" / "plugin.py").write_text(content)
    result = discover([folder], bundled=False)
    assert [found.slug for found in result.found] == ["kd_good"]
    assert [(p.slug, p.kind, p.reason) for p in result.problems] == [
        ("kd_bad", "quarantined", reason)
    ]


def test_a_manifest_with_a_wrong_field_is_left_out(folder: Path) -> None:
    _write(folder, "kd_field", more=', colour="red"')
    result = discover([folder], bundled=False)
    assert result.found == ()
    assert result.problems[0].reason == (
        "cannot be imported: colour: Extra inputs are not permitted"
    )


def test_a_reserved_slug_is_refused(folder: Path) -> None:
    _write(folder, "kd_reserved", slug="console")
    result = discover([folder], bundled=False)
    assert result.problems[0].reason == "the slug 'console' is reserved by the platform"


def test_the_plugin_lives_in_its_django_app(folder: Path) -> None:
    _write(folder, "kd_place", app="somewhere.else")
    result = discover([folder], bundled=False)
    assert result.problems[0].reason == (
        "django_app is 'somewhere.else' but the plugin lives in 'kd_place.plugin'"
    )


def test_a_missing_requirement_spreads(folder: Path) -> None:
    _write(folder, "kd_base", more=', requires=("kd_absent",)')
    _write(folder, "kd_over", more=', requires=("kd_base",)')
    result = discover([folder], bundled=False)
    assert result.found == ()
    assert {p.slug: p.reason for p in result.problems} == {
        "kd_base": "requires kd_absent, which is not installed",
        "kd_over": "requires kd_base, which is not installed",
    }


def test_a_public_prefix_belongs_to_one_plugin(folder: Path) -> None:
    _write(folder, "kd_pa", more=', public_prefixes=("verify",)')
    _write(folder, "kd_pb", more=', public_prefixes=("verify",)')
    result = discover([folder], bundled=False)
    assert [found.slug for found in result.found] == ["kd_pa"]
    assert result.problems[0].reason == "the public prefix 'verify' is already taken by 'kd_pa'"


@pytest.mark.parametrize(
    ("wanted", "version", "allowed"),
    [
        (">=1.0,<2", "1.0.0", True),
        (">=1.0,<2", "1.9.3", True),
        (">=1.0,<2", "2.0.0", False),
        (">=1.2,<2", "1.1.9", False),
        ("~=1.2", "1.3.0", True),
        ("~=1.2", "2.0.0", False),
        ("==1.0.0", "1.0.0", True),
        (">1", "1.0.0", False),
        ("<=1.0", "1.0.0", True),
        ("whatever", "1.0.0", False),
    ],
)
def test_version_ranges(wanted: str, version: str, allowed: bool) -> None:
    assert api_version_allowed(wanted, version) is allowed
