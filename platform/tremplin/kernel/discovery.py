"""Finds plugins before Django exists: entry points, folders, manifests, API range.

``settings.py`` calls ``discover()`` to compute ``INSTALLED_APPS``, so nothing here may import
Django. A plugin that cannot be used becomes a ``PluginProblem``; it never stops the boot.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from tremplin.api import API_VERSION
from tremplin.api.manifest import Manifest
from tremplin.kernel.trust import Policy

ENTRY_POINT_GROUP = "tremplin.plugins.v1"
ROOT = Path(__file__).resolve().parents[3]
BUNDLED = ROOT / "plugins"

# Every label of a core or third-party app and every page name under a plugin mount: a plugin of
# that name would collide with a table prefix, a URL or a permission.
RESERVED_SLUGS = frozenset(
    """
    account accounts admin ai analytics api app auth audit billing branding cms cohorts config
    console contenttypes demo django_tenants documents export files guardian headless identity
    invitations kernel kernel_state learning licensing marketplace media messages mfa modules
    my_data notifications operations people platform portal postgres privacy profile profiles roles
    search security sessions settings socialaccount sso start static staticfiles styleguide tasks
    tenants testing theme tremplin usersessions webhooks welcome workflows
    """.split()
)


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that may be installed: its manifest, its object and where it was found."""

    slug: str
    manifest: Manifest
    plugin: object
    origin: str


@dataclass(frozen=True, slots=True)
class PluginProblem:
    """A plugin that was left out, and why, in words for an operator.

    ``kind`` is ``incompatible`` (built for another version of the API) or ``quarantined``.
    """

    slug: str
    origin: str
    reason: str
    kind: Literal["incompatible", "quarantined"] = "quarantined"


@dataclass(frozen=True, slots=True)
class Discovery:
    """Everything start-up needs to know of the plugins on this machine."""

    found: tuple[Found, ...] = ()
    problems: tuple[PluginProblem, ...] = ()

    @property
    def django_apps(self) -> list[str]:
        """Return the Django apps to install, in slug order."""
        return [item.manifest.django_app for item in self.found]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A place that claims to hold a plugin; ``file`` is its source when that is known."""

    name: str
    origin: str
    module: str
    attribute: str
    file: Path | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Peek:
    """The literal values of a manifest, read from its source without running it."""

    slug: str = ""
    api: str = ""
    django_app: str = ""


def discover(
    extra_folders: Iterable[str | Path] = (),
    *,
    bundled: bool = True,
    trust: Policy | None = None,
) -> Discovery:
    """Return the plugins of the entry points, of ``plugins/`` and of ``extra_folders``.

    Folders are scanned for ``*/plugin.py``; names starting with ``_`` are skipped. The same object
    found twice counts once; two different objects with one slug quarantine the second. ``bundled``
    set to false leaves out the entry points and ``plugins/`` (used by tests). A module that
    ``trust`` refuses is quarantined before any of its code is imported.
    """
    found: dict[str, Found] = {}
    problems: list[PluginProblem] = []
    seen: set[int] = set()
    for candidate in _candidates(extra_folders, bundled=bundled, trust=trust):
        result = _load(candidate)
        if isinstance(result, PluginProblem):
            if not any(p.slug == result.slug and p.reason == result.reason for p in problems):
                problems.append(result)
            continue
        if id(result.plugin) in seen:
            continue
        seen.add(id(result.plugin))
        clash = found.get(result.slug)
        if clash is not None:
            problems.append(
                PluginProblem(
                    result.slug,
                    result.origin,
                    f"the slug {result.slug!r} is already taken by {clash.origin}",
                )
            )
            continue
        found[result.slug] = result
    _check_shared_names(found, problems)
    return Discovery(
        tuple(found[slug] for slug in sorted(found)),
        tuple(sorted(problems, key=lambda problem: (problem.slug, problem.origin))),
    )


def api_version_allowed(version_range: str, version: str = API_VERSION) -> bool:
    """Tell whether ``version`` lies in a range such as ``>=1.0,<2`` (``~=1.2`` means 1.x from 1.2)."""
    have = _numbers(version)
    for part in version_range.split(","):
        match = re.fullmatch(r"\s*(>=|>|<=|<|==|~=)\s*(\d+(?:\.\d+){0,2})\s*", part)
        if match is None:
            return False
        operator, wanted = match[1], _numbers(match[2])
        allowed = {
            ">=": have >= wanted,
            ">": have > wanted,
            "<=": have <= wanted,
            "<": have < wanted,
            "==": have == wanted,
            "~=": have >= wanted and have[0] == wanted[0],
        }[operator]
        if not allowed:
            return False
    return True


def _numbers(version: str) -> tuple[int, int, int]:
    parts = [int(part) for part in version.split("-")[0].split(".")]
    major, minor, patch = (parts + [0, 0, 0])[:3]
    return major, minor, patch


def _candidates(
    extra_folders: Iterable[str | Path], *, bundled: bool, trust: Policy | None
) -> Iterator[_Candidate]:
    if bundled:
        for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda item: item.name):
            yield _from_entry_point(point, trust)
        yield from _from_folder(BUNDLED)
    refused = trust.problem_of_folder() if trust is not None else ""
    for folder in extra_folders:
        for candidate in _from_folder(Path(folder).resolve()):
            yield replace(candidate, problem=refused)


def _from_entry_point(point: EntryPoint, trust: Policy | None) -> _Candidate:
    file: Path | None = None
    # Nothing but our own folder can hold a name under "plugins.": bundled modules are the product.
    if trust is not None and not point.module.startswith(f"{BUNDLED.name}."):
        problem = trust.problem_of(point)
        if problem:  # looking for the file would already run the package
            return _Candidate(
                point.name, f"entry point {point.value}", point.module, "", None, problem
            )
    try:
        spec = importlib.util.find_spec(point.module)
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.origin is not None:
        file = Path(spec.origin)
    return _Candidate(
        point.name, f"entry point {point.value}", point.module, point.attr or "plugin", file
    )


def _from_folder(folder: Path) -> Iterator[_Candidate]:
    if not folder.is_dir():
        return
    for child in sorted(folder.iterdir()):
        file = child / "plugin.py"
        if child.name.startswith(("_", ".")) or not file.is_file():
            continue
        root, module = _importable(file)
        if str(root) not in sys.path:
            sys.path.append(str(root))
        yield _Candidate(child.name, str(file.relative_to(folder.parent)), module, "plugin", file)


def _importable(file: Path) -> tuple[Path, str]:
    """Return the folder to put on ``sys.path`` and the module name of a scanned ``plugin.py``.

    The manifest's ``django_app`` says how deep the import path is: a plugin and its Django app must
    be imported under one name, or its classes would exist twice.
    """
    parts = _peek(file).django_app.split(".")
    folder = file.parent
    if parts != [""] and list(folder.parts[-len(parts) :]) == parts:
        return Path(*folder.parts[: -len(parts)]), ".".join([*parts, "plugin"])
    return folder.parent, f"{folder.name}.plugin"


def _peek(file: Path) -> _Peek:
    """Read slug, API range and app of the ``Manifest(...)`` call in ``file``, without importing it."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return _Peek()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        if name != "Manifest":
            continue
        values = {
            keyword.arg: keyword.value.value
            for keyword in node.keywords
            if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
        }
        return _Peek(values.get("slug", ""), values.get("api", ""), values.get("django_app", ""))
    return _Peek()


def _load(candidate: _Candidate) -> Found | PluginProblem:
    """Import one candidate and validate its manifest; every failure becomes a problem."""
    peek = _peek(candidate.file) if candidate.file is not None else _Peek()
    slug = peek.slug or candidate.name
    if candidate.problem:
        return PluginProblem(slug, candidate.origin, candidate.problem)
    if peek.api and not api_version_allowed(peek.api):
        return _incompatible(slug, candidate.origin, peek.api)
    try:
        plugin = getattr(importlib.import_module(candidate.module), candidate.attribute)
    except Exception as error:  # noqa: BLE001  a broken plugin must not stop the boot
        return PluginProblem(slug, candidate.origin, f"cannot be imported: {_one_line(error)}")
    manifest = getattr(plugin, "manifest", None)
    if not isinstance(manifest, Manifest):
        return PluginProblem(slug, candidate.origin, "has no manifest (tremplin.api.Manifest)")
    if not api_version_allowed(manifest.api):
        return _incompatible(manifest.slug, candidate.origin, manifest.api)
    if manifest.slug in RESERVED_SLUGS:
        reason = f"the slug {manifest.slug!r} is reserved by the platform"
        return PluginProblem(manifest.slug, candidate.origin, reason)
    if candidate.module != f"{manifest.django_app}.plugin":
        reason = (
            f"django_app is {manifest.django_app!r} but the plugin lives in {candidate.module!r}"
        )
        return PluginProblem(manifest.slug, candidate.origin, reason)
    return Found(manifest.slug, manifest, plugin, candidate.origin)


def _incompatible(slug: str, origin: str, wanted: str) -> PluginProblem:
    reason = f"needs the plugin API {wanted}, this is {API_VERSION}"
    return PluginProblem(slug, origin, reason, "incompatible")


def _check_shared_names(found: dict[str, Found], problems: list[PluginProblem]) -> None:
    """Quarantine a plugin that claims a public prefix of another, or requires one that is absent."""
    owners: dict[str, str] = {}
    for slug in sorted(found):
        for prefix in found[slug].manifest.public_prefixes:
            owner = owners.setdefault(prefix, slug)
            if owner != slug and slug in found:
                reason = f"the public prefix {prefix!r} is already taken by {owner!r}"
                problems.append(PluginProblem(slug, found.pop(slug).origin, reason))
                break
    removed = True
    while removed:
        removed = False
        for slug in sorted(found):
            missing = [need for need in found[slug].manifest.requires if need not in found]
            if missing:
                reason = f"requires {', '.join(missing)}, which is not installed"
                problems.append(PluginProblem(slug, found.pop(slug).origin, reason))
                removed = True


def _one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "manifest"
        return f"{place}: {first['msg']}"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ")
