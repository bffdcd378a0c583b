"""The folders are what the architecture says, and shadow nothing of the standard library."""

from __future__ import annotations

import platform
import subprocess
import sys
import tomllib

from tests.architecture.tree import ROOT, name_of, product_files

CATCH_ALL = {"utils.py", "common.py", "misc.py", "helpers.py", "util.py", "helper.py"}


def test_platform_is_a_source_root_and_not_a_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert platform.python_version().count(".") == 2
    assert [path.name for path in (ROOT / "platform").rglob("conftest.py")] == []


def test_no_catch_all_module() -> None:
    assert [name_of(path) for path in product_files() if path.name in CATCH_ALL] == []


def test_no_top_level_name_shadows_the_standard_library() -> None:
    folders = [ROOT, ROOT / "platform", ROOT / "tests"]
    names = {
        path.name.removesuffix(".py")
        for folder in folders
        for path in folder.iterdir()
        if not path.name.startswith(".")
        and (path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").exists()))
    }
    assert names & sys.stdlib_module_names == set()


def test_manifests_and_discovery_import_no_django() -> None:
    code = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'platform')!r}]; "
        "from tremplin.kernel.discovery import discover; found = discover(); "
        "print(len(found.found), [p.reason for p in found.problems], "
        "sorted(m for m in sys.modules if m.split('.')[0] == 'django'))"
    )
    child = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert child.returncode == 0, child.stderr
    bundled = [p for p in (ROOT / "plugins").glob("*/plugin.py") if p.parent.name[0] != "_"]
    assert child.stdout.strip() == f"{len(bundled)} [] []"


def test_every_bundled_module_is_an_entry_point() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = data["project"]["entry-points"]["tremplin.plugins.v1"]
    found = {
        path.parent.name: f"plugins.{path.parent.name}.plugin:plugin"
        for path in (ROOT / "plugins").glob("*/plugin.py")
        if not path.parent.name.startswith("_")
    }
    assert declared == found


def test_no_word_of_unfinished_work() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK", "raise NotImplemented" + "Error")
    found = [
        f"{name_of(path)}:{number}: {word}"
        for path in product_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for word in words
        if word in line
    ]
    assert found == []
