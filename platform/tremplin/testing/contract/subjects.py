"""What the contract suite examines: the discovered modules and their folders."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

from tremplin.kernel.discovery import Discovery, Found, discover


@lru_cache(maxsize=1)
def discovery() -> Discovery:
    """Return what discovery finds, extra folders of the environment included."""
    extra = os.environ.get("TREMPLIN_EXTRA_PLUGINS", "").split(os.pathsep)
    return discover([folder for folder in extra if folder])


def discovered_slugs() -> list[str]:
    """Return the slugs of every module to examine."""
    return [found.slug for found in discovery().found]


def subject(slug: str) -> Found:
    """Return one module; raise ``LookupError`` when it was not found."""
    for found in discovery().found:
        if found.slug == slug:
            return found
    problems = {problem.slug: problem.reason for problem in discovery().problems}
    raise LookupError(f"no module {slug!r}: {problems.get(slug, 'not discovered')}")


def folder_of(found: Found) -> Path:
    """Return the folder of a module's package."""
    file = sys.modules[f"{found.manifest.django_app}.plugin"].__file__
    assert file is not None
    return Path(file).parent


def document_of(found: Found, name: str) -> Path:
    """Return where a text such as ``README.md`` belongs.

    In the package, as in ``plugins/`` and in an installed wheel, or beside the ``pyproject.toml``
    of a distribution under development.
    """
    folder = folder_of(found)
    beside = folder.parent
    if not (folder / name).is_file() and (beside / "pyproject.toml").is_file():
        return beside / name
    return folder / name


def sources_of(folder: Path, *suffixes: str) -> list[Path]:
    """Return the module's own files with these suffixes; tests and migrations are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in suffixes
        and not {"tests", "migrations", "__pycache__"} & set(path.relative_to(folder).parts)
    )
