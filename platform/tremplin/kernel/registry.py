"""The plugins of this process: registered, checked, asked their start-up hooks, then frozen.

``startup()`` runs once, after Django is ready and before the URLconf is built. A plugin that fails
is quarantined: off for everyone and visible to the operator; the others are not touched.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import pluggy
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction

from tremplin.api import API_VERSION, hookspecs, services
from tremplin.api.http import ApiRouter
from tremplin.api.manifest import Manifest
from tremplin.api.plugin import PROJECT
from tremplin.api.privacy import NoPersonalData, PersonalData
from tremplin.kernel.discovery import Discovery, Found, PluginProblem
from tremplin.kernel.typecheck import checked

if TYPE_CHECKING:
    from tremplin.kernel.mounting import MountedUrls

logger = logging.getLogger(__name__)
Status = Literal["ok", "quarantined", "incompatible"]


@dataclass(frozen=True, slots=True)
class PluginEntry:
    """One plugin as the platform sees it; ``manifest`` is None when it could not be read."""

    slug: str
    manifest: Manifest | None
    plugin: object | None
    status: Status
    problem: str = ""
    origin: str = ""

    @property
    def ok(self) -> bool:
        return self.status == "ok"


@dataclass(slots=True)
class _State:
    """Everything start-up computes; replaced as a whole, never changed by readers."""

    entries: dict[str, PluginEntry] = field(default_factory=dict)
    manager: pluggy.PluginManager = field(default_factory=lambda: new_manager())
    api_routers: dict[str, tuple[ApiRouter, ...]] = field(default_factory=dict)
    personal_data: dict[str, tuple[PersonalData | NoPersonalData, ...]] = field(
        default_factory=dict
    )
    urls: dict[str, MountedUrls] = field(default_factory=dict)
    generation: int = 0
    started: bool = False


_state = _State(manager=pluggy.PluginManager(PROJECT))
_lock = threading.RLock()


def new_manager() -> pluggy.PluginManager:
    """Return a manager that knows the hook specifications and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def startup() -> None:
    """Register and check the discovered plugins, call their start-up hooks, freeze the results.

    Idempotent and thread-safe. Raises ``RuntimeError`` before Django is ready.
    """
    if _state.started:
        return
    with _lock:
        if _state.started:
            return
        if not apps.ready:
            raise RuntimeError("plugins are registered after Django is ready, not during ready()")
        discovery = cast(Discovery, getattr(settings, "PLUGINS", Discovery()))
        _state.manager = new_manager()
        for problem in discovery.problems:
            _state.entries[problem.slug] = _entry_of_problem(problem)
        for found in discovery.found:
            _register(found)
        _check_pending()
        services.freeze()
        _state.started = True
        logger.info(
            "plugins registered: %s",
            ", ".join(f"{e.slug} ({e.status})" for e in _state.entries.values()) or "none",
            extra={"registry_hash": _compute_hash()},
        )


def plugins() -> tuple[PluginEntry, ...]:
    """Return every plugin of this process in slug order, problems included."""
    startup()
    return tuple(_state.entries[slug] for slug in sorted(_state.entries))


def installed() -> tuple[PluginEntry, ...]:
    """Return the plugins that work, in slug order."""
    return tuple(entry for entry in plugins() if entry.ok)


def get(slug: str) -> PluginEntry | None:
    """Return one plugin, or None."""
    startup()
    return _state.entries.get(slug)


def manifest_of(slug: str) -> Manifest | None:
    """Return the manifest of a working plugin, or None."""
    entry = get(slug)
    return entry.manifest if entry is not None and entry.ok else None


def manager() -> pluggy.PluginManager:
    """Return the pluggy manager (the dispatcher's, nobody else's)."""
    startup()
    return _state.manager


def generation() -> int:
    """Return a number that changes whenever the set of plugins does (caches follow it)."""
    return _state.generation


def api_routers() -> dict[str, tuple[ApiRouter, ...]]:
    """Return the frozen answers of ``api_routers`` by slug."""
    startup()
    return dict(_state.api_routers)


PersonalDataAnswers = tuple[PersonalData | NoPersonalData, ...]


@overload
def personal_data() -> dict[str, PersonalDataAnswers]: ...
@overload
def personal_data(slug: str) -> PersonalDataAnswers: ...
def personal_data(slug: str | None = None) -> dict[str, PersonalDataAnswers] | PersonalDataAnswers:
    """Return the frozen answers of ``personal_data``, of one plugin or of all by slug.

    Modules that are off are included: switching a module off keeps its data. An unknown slug
    answers ``()``.
    """
    startup()
    if slug is not None:
        return _state.personal_data.get(slug, ())
    return dict(_state.personal_data)


def mounted_urls() -> dict[str, MountedUrls]:
    """Return the checked URL patterns of every working plugin by slug."""
    startup()
    return dict(_state.urls)


def registry_hash() -> str:
    """Return the SHA-256 of (slug, version, status) of every plugin and of the API version."""
    startup()
    return _compute_hash()


def _compute_hash() -> str:
    lines = [f"api {API_VERSION}"]
    for slug in sorted(_state.entries):
        entry = _state.entries[slug]
        version = entry.manifest.version if entry.manifest is not None else ""
        hooks = ",".join(sorted(_hook_names(entry.plugin))) if entry.plugin is not None else ""
        lines.append(f"{slug} {version} {entry.status} {hooks}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def quarantine(slug: str, reason: str) -> None:
    """Switch a plugin off for everyone in this process and say why."""
    with _lock:
        entry = _state.entries.get(slug)
        if entry is None:
            return
        if entry.plugin is not None and _state.manager.is_registered(entry.plugin):
            _state.manager.unregister(entry.plugin)
        _state.entries[slug] = replace(entry, status="quarantined", problem=reason)
        for table in (_state.api_routers, _state.personal_data, _state.urls):
            cast("dict[str, Any]", table).pop(slug, None)
        _state.generation += 1
    logger.error("plugin %s is quarantined: %s", slug, reason)


def register(found: Found) -> PluginEntry:
    """Register one more plugin at run time (tests only; see ``tremplin.testing``)."""
    startup()
    with _lock:
        if found.slug in _state.entries:
            raise ValueError(f"a plugin {found.slug!r} is already registered")
        _register(found)
        _check_pending()
        return _state.entries[found.slug]


def unregister(slug: str) -> None:
    """Forget a plugin registered at run time (tests only)."""
    with _lock:
        entry = _state.entries.pop(slug)
        if entry.plugin is not None and _state.manager.is_registered(entry.plugin):
            _state.manager.unregister(entry.plugin)
        for table in (_state.api_routers, _state.personal_data, _state.urls):
            cast("dict[str, Any]", table).pop(slug, None)
        _state.generation += 1


def _entry_of_problem(problem: PluginProblem) -> PluginEntry:
    return PluginEntry(problem.slug, None, None, problem.kind, problem.reason, problem.origin)


def _register(found: Found) -> None:
    from tremplin.kernel.mounting import load_urls, validate_routers

    _state.entries[found.slug] = PluginEntry(
        found.slug, found.manifest, found.plugin, "ok", "", found.origin
    )
    try:
        _check_implementations(found.plugin)
        _state.manager.register(found.plugin, name=found.slug)
        routers = ask_startup(hookspecs.api_routers, found.slug, found.plugin)
        validate_routers(found.slug, routers)
        answers = ask_startup(hookspecs.personal_data, found.slug, found.plugin)
        if not answers:
            raise ValueError("answers nothing to personal_data, which is mandatory")
        _state.api_routers[found.slug] = tuple(cast("list[ApiRouter]", routers))
        _state.personal_data[found.slug] = tuple(
            cast("list[PersonalData | NoPersonalData]", answers)
        )
        _state.urls[found.slug] = load_urls(found.slug, found.manifest)
        _state.generation += 1
    except Exception as error:  # noqa: BLE001  quarantine is the purpose
        logger.debug("start-up of plugin %s failed", found.slug, exc_info=True)
        quarantine(found.slug, f"{type(error).__name__}: {error}")


def _check_pending() -> None:
    """Quarantine every plugin with an implementation of a hook that does not exist."""
    for slug in sorted(_state.entries):
        entry = _state.entries[slug]
        if not entry.ok or entry.plugin is None:
            continue
        unknown = _hook_names(entry.plugin) - _specified()
        if unknown:
            quarantine(slug, f"implements unknown hooks: {', '.join(sorted(unknown))}")
    _state.manager.check_pending()


def _specified() -> frozenset[str]:
    return hookspecs.STARTUP | hookspecs.QUESTIONS | hookspecs.LIFE_CYCLE


def _hook_names(plugin: object) -> set[str]:
    marker = f"{PROJECT}_impl"
    return {
        name
        for name in dir(plugin)
        if not name.startswith("__") and getattr(getattr(plugin, name, None), marker, None)
    }


def _check_implementations(plugin: object) -> None:
    """Raise ``TypeError`` for an implementation that pluggy would call wrongly or not at all."""
    for name in sorted(_hook_names(plugin)):
        function = getattr(plugin, name)
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{name} is async; hooks are plain functions")
        for parameter in inspect.signature(function).parameters.values():
            if parameter.default is not inspect.Parameter.empty:
                raise TypeError(f"{name} gives {parameter.name!r} a default value")
            if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
                raise TypeError(f"{name} may not use '*', '**' or keyword-only arguments")


def ask_startup(spec: Any, slug: str, plugin: object) -> list[object]:
    """Call one start-up hook of one plugin and type-check what it answers.

    A failing query inside the caller's transaction is confined to a savepoint.
    """
    function = getattr(plugin, spec.__name__, None)
    if function is None or spec.__name__ not in _hook_names(plugin):
        return []
    if connection.in_atomic_block:
        with transaction.atomic():
            answer = cast("Iterable[object] | None", function())
            return [checked(spec, item) for item in answer or ()]
    answer = cast("Iterable[object] | None", function())
    return [checked(spec, item) for item in answer or ()]
