"""A new module from its name: what is written, and the names that are refused."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tremplin.kernel.discovery import ROOT, discover
from tremplin.modules import scaffold


def make(folder: Path, name: str = "Reading club", **options: Any) -> Path:
    target = folder / "made"
    call_command("startplugin", name, dir=target, **options)
    return target


def test_a_module_is_a_distribution_with_its_own_names(tmp_path: Path) -> None:
    made = make(tmp_path, fr="Club de lecture")
    files = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    package = "tremplin_reading_club"
    assert files == {
        *(".gitignore", "CHANGELOG.md", "COMPATIBILITY.md", "LICENSE", "README.md"),
        *("pyproject.toml", "tests/test_contract.py", "tests/test_reading_club.py"),
        *(
            f"{package}/{name}.py"
            for name in "__init__ api apps demo models plugin privacy selectors services urls views".split()
        ),
        *(f"{package}/migrations/{name}.py" for name in ("0001_initial", "__init__")),
        *(f"{package}/locale/fr/LC_MESSAGES/django.{kind}" for kind in ("po", "mo")),
        *(
            f"{package}/templates/reading_club/{name}.html"
            for name in ("home", "console", "fragments/card")
        ),
    }
    project = tomllib.loads((made / "pyproject.toml").read_text())["project"]
    assert project["name"] == "tremplin-reading-club"
    assert project["entry-points"] == {
        "tremplin.plugins.v1": {"reading_club": "tremplin_reading_club.plugin:plugin"}
    }
    text = "".join(
        path.read_text() for path in made.rglob("*") if path.is_file() and path.suffix != ".mo"
    )
    assert [word for word in ("sample_", "sample-", "Sample") if word in text] == []
    assert 'name=Text(en="Reading club", fr="Club de lecture")' in text
    for path in made.rglob("*.py"):
        ast.parse(path.read_text())


def test_discovery_finds_a_new_module_and_never_the_template(tmp_path: Path) -> None:
    made = make(tmp_path, "Étoiles filantes")
    found = discover([made], bundled=False)
    assert [(item.slug, item.manifest.name.en) for item in found.found] == [
        ("etoiles_filantes", "Étoiles filantes")
    ]
    assert found.problems == ()
    assert "sample_module" not in {item.slug for item in discover().found}
    assert "sample_module" not in {item.slug for item in discover().problems}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "Give the module a name"),
        ("   ", "Give the module a name"),
        ("../../etc/passwd", "The name holds '.'"),
        ('x", evil="', "The name holds '\"'"),
        ("line\nbreak", "The name holds '\\n'"),
        ("{% load %}", "The name holds '{'"),
        ("back\\slash", "The name holds '\\\\'"),
        ("zero\u200bwidth", "The name holds '\\u200b'"),
        ("x" * 41, "40 characters at most"),
        ("a very long name of thirty two cha", "makes the identifier"),
        ("测验", "makes the identifier “”"),
        ("42 lessons", "makes the identifier “42_lessons”"),
        ("Tasks", "is a word of the platform"),
        ("Lambda", "is a word of the platform"),
        ("Quiz", "is already installed"),
    ],
)
def test_a_hostile_name_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str, reason: str
) -> None:
    with pytest.raises(CommandError) as refused:
        make(tmp_path, name)
    assert reason in str(refused.value)
    assert str(refused.value).count("\n") == 0
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.txt").write_text("mine")
    with pytest.raises(CommandError, match="is not empty: nothing was written"):
        make(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["made", "mine.txt"]
    (tmp_path / "made" / "mine.txt").unlink()
    assert (make(tmp_path) / "pyproject.toml").is_file()


def test_a_folder_that_cannot_hold_a_module_is_refused(tmp_path: Path) -> None:
    names = scaffold.names_of("Reading club")
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    for folder, reason in (
        (tmp_path / "file", "is not a folder"),
        (tmp_path / "link", "is not a folder"),
        (tmp_path / "absent" / "deep", "does not exist: create it first"),
        (ROOT / "plugins" / "reading_club", "lives outside the platform"),
        (ROOT / "x", "lives outside the platform"),
    ):
        with pytest.raises(scaffold.ScaffoldError, match=reason):
            scaffold.create(names, folder)
    assert not (ROOT / "plugins" / "reading_club").exists()
    assert not (ROOT / "x").exists()
