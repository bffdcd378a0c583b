"""Holds the clock, replaces a service, adds a plugin: each for the length of a ``with`` block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tremplin.kernel.registry import PluginEntry


@contextmanager
def freeze(moment: datetime | str, *, every_thread: bool = False) -> Iterator[datetime]:
    """Hold the business clock at ``moment`` (aware, or ISO text such as ``2026-03-02T08:00+01:00``)."""
    from tremplin.kernel import clock

    held = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    with clock.frozen_at(held, every_thread=every_thread):
        yield held


@contextmanager
def fake_service(name: str, implementation: Any) -> Iterator[Any]:
    """Replace the service ``name`` (``notify``, ``people`` …) and put the real one back after."""
    from tremplin.api import services

    restore = services.replace(name, implementation)
    try:
        yield implementation
    finally:
        restore()


@contextmanager
def register_temporarily(plugin: object, *, origin: str = "test") -> Iterator[PluginEntry]:
    """Register one more plugin for the length of the block and yield its entry.

    The entry says whether the plugin was accepted (``status``) and why not (``problem``). Its URLs
    are mounted when a test builds a URLconf from ``kernel.routing.urlpatterns_of(slug)``.
    """
    from tremplin.kernel import registry
    from tremplin.kernel.discovery import Found
    from tremplin.kernel.dispatch import dispatcher

    manifest = plugin.manifest  # type: ignore[attr-defined]
    entry = registry.register(Found(manifest.slug, manifest, plugin, origin))
    try:
        yield entry
    finally:
        registry.unregister(manifest.slug)
        dispatcher.watch.reset()
