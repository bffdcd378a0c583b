"""System checks of the kernel: scopes declared, no coroutine in the request path, safe production."""

from __future__ import annotations

import inspect
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks

from tremplin.kernel import registry

OURS = ("tremplin.", "tenants", "plugins.", "cms.")
SCOPES = frozenset({"public", "tenant"})
REDIS = ("redis://", "rediss://", "unix://")
BROKERS = ("redis://", "rediss://", "redis+socket://", "amqp://", "amqps://")


def register_checks() -> None:
    """Register every check once (``KernelConfig.ready``)."""
    checks.register(check_scopes, checks.Tags.models)
    checks.register(check_async_views, checks.Tags.urls)
    checks.register(check_plugins)
    checks.register(check_servers)
    checks.register(check_production, checks.Tags.security, deploy=False)


def check_scopes(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Every model of ours says whether its table is public or of one tenant (E001)."""
    messages: list[checks.CheckMessage] = []
    for model in apps.get_models(include_auto_created=False):
        if not model.__module__.startswith(OURS):
            continue
        scope = getattr(model, "tremplin_scope", None)
        if scope not in SCOPES:
            messages.append(
                checks.Error(
                    f"{model._meta.label} does not declare tremplin_scope",
                    hint='Set the class attribute tremplin_scope to "tenant" or "public".',
                    id="tremplin.E001",
                )
            )
    return messages


def check_async_views(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """No view, class-based view or middleware is a coroutine (E002): it would lose its tenant."""
    from django.urls import get_resolver
    from django.utils.module_loading import import_string

    from tremplin.kernel.mounting import views_of

    messages: list[checks.CheckMessage] = []
    for path in getattr(settings, "MIDDLEWARE", ()):
        middleware = import_string(path)
        if inspect.iscoroutinefunction(middleware.__call__):
            messages.append(_async_error(path))
    if not getattr(settings, "ROOT_URLCONF", ""):
        return messages
    for pattern in views_of(list(get_resolver().url_patterns)):
        callback = pattern.callback
        if inspect.iscoroutinefunction(callback) or getattr(callback, "view_is_async", False):
            messages.append(_async_error(f"{callback.__module__}.{callback.__qualname__}"))
    return messages


def _async_error(name: str) -> checks.CheckMessage:
    return checks.Error(
        f"{name} is async",
        hint="The current tenant is lost there: write it sync.",
        id="tremplin.E002",
    )


def check_plugins(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Every plugin that was left out is a warning (W001), never an error."""
    return [
        checks.Warning(
            f"module {entry.slug} is {entry.status}: {entry.problem}",
            hint="It stays off for every space until it is repaired.",
            id="tremplin.W001",
        )
        for entry in registry.plugins()
        if not entry.ok
    ]


def check_servers(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse an address that no client of ours reads (E012) and a bus without server (E013)."""
    messages: list[checks.CheckMessage] = []
    locations = [options.get("LOCATION", "") for options in settings.CACHES.values()]
    addresses = [
        ("TREMPLIN_CACHE_URL", str(locations[0]), REDIS),
        ("TREMPLIN_BROKER_URL", settings.BROKER_URL, BROKERS),
    ]
    for name, address, schemes in addresses:
        if address and not address.startswith(schemes):
            messages.append(
                checks.Error(f"{name} must start with {' or '.join(schemes)}", id="tremplin.E012")
            )
    if settings.REALTIME_BUS == "redis" and not settings.REALTIME_REDIS_URL:
        messages.append(
            checks.Error(
                "TREMPLIN_RT_BUS=redis needs a Redis server in TREMPLIN_CACHE_URL",
                id="tremplin.E013",
            )
        )
    return messages


def check_production(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse unsafe values in production: no secret (E010), no shared cache (E011)."""
    if settings.MODE != "production":
        return []
    messages: list[checks.CheckMessage] = []
    if len(settings.SECRET_KEY) < 32:
        messages.append(
            checks.Error(
                "TREMPLIN_SECRET_KEY is missing or shorter than 32 characters", id="tremplin.E010"
            )
        )
    if "locmem" in settings.CACHES["default"]["BACKEND"].lower():
        messages.append(
            checks.Error(
                "TREMPLIN_CACHE_URL must name a Redis server shared by every process",
                hint="Rate limits counted in one process do not hold for the others.",
                id="tremplin.E011",
            )
        )
    return messages
