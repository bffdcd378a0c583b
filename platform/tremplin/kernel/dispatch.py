"""Asks the plugins: one failing never hides the answers of the others.

Native pluggy loses every good answer when one plugin raises and does not say who answered; hence
this loop over its implementations (isolation, identity, type check, breaker, savepoint).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic, ParamSpec, TypeVar, cast

import pluggy
from django.conf import settings
from django.db import connection, transaction

from tremplin.kernel import registry
from tremplin.kernel.breaker import Breaker
from tremplin.kernel.current import tenant_key
from tremplin.kernel.typecheck import checked

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
BUDGET_SECONDS = 0.050
_CACHE_LIMIT = 4_096


@dataclass(frozen=True, slots=True)
class Contribution(Generic[T]):
    """One answer and the plugin it came from."""

    plugin: str
    value: T


class Dispatcher:
    """Calls hook implementations of enabled plugins; see section "Dispatcher" of ARCHITECTURE."""

    def __init__(
        self, manager: Callable[[], pluggy.PluginManager], generation: Callable[[], int]
    ) -> None:
        self._manager = manager
        self._generation = generation
        self._cache: dict[tuple[str, frozenset[str], int], tuple[Any, ...]] = {}
        self.watch = Breaker()

    def collect(
        self,
        spec: Callable[P, Iterable[T]],
        enabled: frozenset[str],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[Contribution[T]]:
        """Return every answer of the ``enabled`` plugins to ``spec``, by slug, then by ``order``.

        A plugin that raises, answers a wrong type or breaks its query contributes nothing; the
        failure is recorded. Raises ``TypeError`` for positional hook arguments.
        """
        if args:
            raise TypeError("hook arguments are keyword-only")
        hook = spec.__name__
        found: list[Contribution[T]] = []
        tenant = tenant_key()
        for implementation in self._implementations(hook, enabled):
            plugin = implementation.plugin_name
            if not self.watch.allows(tenant, plugin, hook):
                continue
            started = perf_counter()
            wanted = {name: kwargs[name] for name in implementation.argnames}
            try:
                values = self._ask(spec, implementation.function, wanted)
            except Exception as error:  # noqa: BLE001  isolation is the purpose
                self.watch.failed(tenant, plugin, hook, error)
                self._trace(plugin, hook, perf_counter() - started, f"failed: {error!r}")
                continue
            elapsed = perf_counter() - started
            slow = elapsed > BUDGET_SECONDS
            self.watch.succeeded(tenant, plugin, hook, elapsed, slow=slow)
            if slow:
                logger.warning(
                    "hook %s of %s took %.0f ms (budget %.0f ms)",
                    hook,
                    plugin,
                    elapsed * 1000,
                    BUDGET_SECONDS * 1000,
                )
            self._trace(plugin, hook, elapsed, f"{len(values)} answers")
            found.extend(Contribution(plugin, cast(T, value)) for value in values)
        return found

    def call_one(
        self, spec: Callable[P, T], slug: str, *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """Call a life-cycle hook of one plugin in its own transaction; its errors propagate.

        Returns what the plugin returned, or None when it does not implement the hook.
        """
        if args:
            raise TypeError("hook arguments are keyword-only")
        hook = spec.__name__
        for implementation in self._implementations(hook, frozenset({slug})):
            wanted = {name: kwargs[name] for name in implementation.argnames}
            started = perf_counter()
            with transaction.atomic():
                answer = implementation.function(**wanted)
            self._trace(slug, hook, perf_counter() - started, "done")
            return cast("T", answer)
        return None

    def _ask(
        self, spec: Callable[..., Any], function: Callable[..., Any], wanted: dict[str, Any]
    ) -> list[object]:
        """Consume and check an answer here: a generator fails late, a wrong value in the page."""
        if connection.in_atomic_block:
            with transaction.atomic():
                return self._consume(spec, function, wanted)
        return self._consume(spec, function, wanted)

    @staticmethod
    def _consume(
        spec: Callable[..., Any], function: Callable[..., Any], wanted: dict[str, Any]
    ) -> list[object]:
        answer = cast("Iterable[object] | None", function(**wanted))
        values = [checked(spec, item) for item in answer or ()]
        return sorted(values, key=lambda value: getattr(value, "order", 0))

    def _implementations(self, hook: str, enabled: frozenset[str]) -> tuple[Any, ...]:
        key = (hook, enabled, self._generation())
        held = self._cache.get(key)
        if held is not None:
            return held
        caller = getattr(self._manager().hook, hook)
        chosen = sorted(
            (item for item in caller.get_hookimpls() if item.plugin_name in enabled),
            key=lambda item: item.plugin_name,
        )
        if len(self._cache) >= _CACHE_LIMIT:
            self._cache.clear()
        self._cache[key] = tuple(chosen)
        return self._cache[key]

    @staticmethod
    def _trace(plugin: str, hook: str, seconds: float, outcome: str) -> None:
        if getattr(settings, "TRACE_HOOKS", False):
            logger.info("hook %s %s %.2f ms %s", hook, plugin, seconds * 1000, outcome)


dispatcher = Dispatcher(registry.manager, registry.generation)
