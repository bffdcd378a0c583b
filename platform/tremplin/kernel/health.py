"""Liveness and readiness, answered before tenancy; core apps register what must hold."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Literal

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from tremplin.kernel import registry

logger = logging.getLogger(__name__)
Status = Literal["ok", "warning", "failed"]
STALE_AFTER = timedelta(minutes=3)
ANNOUNCE_SECONDS = 60.0
REACH_SECONDS = 2.0  # a server that takes longer does not answer


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the readiness answer; only ``failed`` makes the process not ready."""

    status: Status
    detail: str = ""


_checks: dict[str, Callable[[], CheckResult]] = {}


def register_check(name: str, check: Callable[[], CheckResult]) -> None:
    """Add a readiness check (``ready()`` of a core app). It runs outside any tenant."""
    _checks[name] = check


def ready() -> tuple[bool, dict[str, CheckResult]]:
    """Run every check; one that raises has failed, and says only the kind of its error."""
    results: dict[str, CheckResult] = {}
    for name, check in _checks.items():
        try:
            results[name] = check()
        except Exception as error:  # noqa: BLE001  a broken check is a failed check
            logger.warning("readiness check %s failed", name, exc_info=True)
            results[name] = CheckResult("failed", type(error).__name__)
    return all(result.status != "failed" for result in results.values()), results


class HealthMiddleware:
    """Answers ``/health/live`` and ``/health/ready`` for any host; everything else passes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._announced = float("-inf")
        self._opened = 0

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/health/"):
            response = self.get_response(request)
            self._report_trouble()
            return response
        if request.path_info == "/health/live":
            return _answer(200, {"status": "ok"})
        if request.path_info == "/health/ready":
            fine, results = ready()
            if fine:
                self._announce()
            body = {
                "status": "ok" if fine else "failed",
                "checks": {
                    name: {"status": result.status, "detail": result.detail}
                    for name, result in results.items()
                },
            }
            return _answer(200 if fine else 503, body)
        return _answer(404, {"status": "unknown"})

    def _report_trouble(self) -> None:
        """Tell the operator at once when a module was left alone, not at the next probe."""
        from tremplin.kernel.dispatch import dispatcher

        if dispatcher.watch.opened == self._opened:
            return
        self._opened = dispatcher.watch.opened
        try:
            announce("web")
        except DatabaseError:
            logger.warning("the trouble of a module could not be reported", exc_info=True)

    def _announce(self) -> None:
        """Say once a minute that this web process runs; probes come more often."""
        moment = time.monotonic()
        if moment - self._announced < ANNOUNCE_SECONDS:
            return
        self._announced = moment
        announce("web")


def _answer(status: int, body: dict[str, Any]) -> JsonResponse:
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


def check_database() -> CheckResult:
    """Ask the database one trivial question."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return CheckResult("ok")


def check_migrations() -> CheckResult:
    """Compare the migrations applied to the public schema with those of this release."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM public.django_migrations")
        applied = set(cursor.fetchall())
    missing = sorted(f"{app}.{name}" for app, name in _public_migrations() - applied)
    if missing:
        return CheckResult("failed", f"not applied: {', '.join(missing[:5])}")
    return CheckResult("ok")


@lru_cache(maxsize=1)
def _public_migrations() -> frozenset[tuple[str, str]]:
    """Return (app, name) of every migration of a public app; read from disk once."""
    from django.db.migrations.loader import MigrationLoader

    labels = _public_labels()
    loader = MigrationLoader(None, ignore_no_migrations=True)
    assert loader.disk_migrations is not None  # noqa: S101  the loader has just read them
    return frozenset(key for key in loader.disk_migrations if key[0] in labels)


def _public_labels() -> frozenset[str]:
    from django.apps import apps

    shared = set(getattr(settings, "SHARED_APPS", settings.INSTALLED_APPS))
    return frozenset(
        config.label
        for config in apps.get_app_configs()
        if config.name in shared or f"{type(config).__module__}.{type(config).__name__}" in shared
    )


def check_broker() -> CheckResult:
    """Check that the broker answers, or that the queues exist when they live in the database.

    A silent broker is a warning: jobs are rows, and the sweeper sends them once it is back.
    """
    if settings.BROKER_URL:
        return _external_broker(settings.BROKER_URL)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace('pgmq') IS NOT NULL")
        row = cursor.fetchone()
    return CheckResult("ok") if row and row[0] else CheckResult("failed", "no queue schema")


def _external_broker(url: str) -> CheckResult:
    from kombu.connection import Connection

    options = {"socket_connect_timeout": REACH_SECONDS, "socket_timeout": REACH_SECONDS}
    try:
        # Opening a channel is the first thing that talks to the server, whatever its kind.
        with Connection(  # type: ignore[no-untyped-call]
            url,
            connect_timeout=REACH_SECONDS,
            transport_options=options if url.startswith("redis") else {},
        ) as broker:
            broker.channel().close()
            return CheckResult("ok", str(broker.transport_cls))
    except Exception as error:  # noqa: BLE001  each transport has its own errors; all mean "silent"
        logger.warning("the broker does not answer: %s", type(error).__name__)
        return CheckResult(
            "warning", "the broker of TREMPLIN_BROKER_URL does not answer; jobs wait"
        )


def check_cache() -> CheckResult:
    """Ask the shared cache one question; a silent one is a warning, most pages do without."""
    from tremplin.kernel.cache import CacheUnavailable, probe

    try:
        probe()
    except CacheUnavailable:
        return CheckResult(
            "warning", "the cache of TREMPLIN_CACHE_URL does not answer; nobody can sign in"
        )
    return CheckResult("ok")


def check_plugins() -> CheckResult:
    """Name the plugins that are off for everyone; a warning, never a reason not to serve."""
    problems = [entry.slug for entry in registry.plugins() if not entry.ok]
    if problems:
        return CheckResult("warning", f"off: {', '.join(problems)}")
    return CheckResult("ok", registry.registry_hash()[:12])


def check_processes() -> CheckResult:
    """Compare the plugin registry of every process seen lately with this one's."""
    from tremplin.kernel.state.models import ProcessReport

    mine = registry.registry_hash()
    since = timezone.now() - STALE_AFTER
    others = ProcessReport.objects.filter(seen_at__gte=since).exclude(registry_hash=mine)
    names = sorted(others.values_list("role", flat=True).distinct())
    if names:
        return CheckResult("warning", f"other plugins loaded in: {', '.join(names)}")
    return CheckResult("ok")


def announce(role: str) -> None:
    """Write that this process (``web``, ``worker``, ``beat``) runs, and with which plugins.

    Called at start and every minute or so; rows not refreshed for three minutes do not count.
    """
    from tremplin.api import services
    from tremplin.kernel.dispatch import dispatcher
    from tremplin.kernel.state.models import ProcessReport

    name = f"{role}@{socket.gethostname()}:{os.getpid()}"[:120]
    now = timezone.now()
    with services.tenancy().public_write("process report"):
        ProcessReport.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()
        ProcessReport.objects.update_or_create(
            name=name,
            defaults={
                "role": role,
                "registry_hash": registry.registry_hash(),
                "troubles": dispatcher.watch.troubles(),
                "seen_at": now,
            },
        )


def register_kernel_checks() -> None:
    """Register the kernel's own checks, cheapest first."""
    register_check("database", check_database)
    register_check("migrations", check_migrations)
    register_check("broker", check_broker)
    register_check("cache", check_cache)
    register_check("plugins", check_plugins)
    register_check("processes", check_processes)
