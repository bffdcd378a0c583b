"""System checks: settings and code that would break the isolation of spaces."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.urls import URLPattern, URLResolver, get_resolver

from tenants import contenttypes
from tenants.routers import shared_labels, tenant_labels

PLAIN_CACHES = ("LocMemCache", "DummyCache", "FileBasedCache", "DatabaseCache")


def _patterns(entries: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for entry in entries:
        if isinstance(entry, URLResolver):
            yield from _patterns(entry.url_patterns, prefix + str(entry.pattern))
        elif isinstance(entry, URLPattern):
            yield prefix + str(entry.pattern), entry.callback


def _is_async(view: Any) -> bool:
    target = getattr(view, "view_class", None)
    if target is not None:
        return bool(getattr(target, "view_is_async", False))
    return inspect.iscoroutinefunction(inspect.unwrap(view)) or inspect.iscoroutinefunction(view)


def no_async_view(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse async views: the connection they see belongs to another context."""
    return [
        checks.Error(
            f"The view of “{route}” is asynchronous.",
            hint="Write it as a plain function: pages are served by threads.",
            id="tenants.E001",
        )
        for route, view in _patterns(get_resolver().url_patterns)
        if _is_async(view)
    ]


def cache_keys(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse a cache alias whose keys do not start with the tenant."""
    return [
        checks.Error(
            f"The cache “{alias}” does not use tenants.cache.make_key.",
            hint="Set KEY_FUNCTION and REVERSE_KEY_FUNCTION on every alias.",
            id="tenants.E002",
        )
        for alias, options in settings.CACHES.items()
        if options.get("KEY_FUNCTION") != "tenants.cache.make_key"
        or options.get("REVERSE_KEY_FUNCTION") != "tenants.cache.reverse_key"
    ]


def isolation_settings(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse settings that let cookies, files or identities cross from one space to another."""
    wrong: list[tuple[str, str]] = []
    if settings.DATABASES["default"]["ENGINE"] != "tenants.db":
        wrong.append(("E003", "DATABASES must use the engine tenants.db."))
    if settings.STORAGES["default"]["BACKEND"] != "tenants.storage.TenantStorage":
        wrong.append(("E004", "The default storage must be tenants.storage.TenantStorage."))
    if settings.SESSION_COOKIE_DOMAIN or settings.CSRF_COOKIE_DOMAIN:
        wrong.append(("E005", "Cookies must be host-only: no cookie domain may be set."))
    if apps.is_installed("django.contrib.sites"):
        wrong.append(("E006", "django.contrib.sites keeps a cache shared by all spaces."))
    if settings.DATABASES["default"].get("CONN_MAX_AGE"):
        wrong.append(("E007", "CONN_MAX_AGE must be 0: the pool keeps the connections."))
    if getattr(settings, "ANONYMOUS_USER_NAME", "x") is not None:
        wrong.append(("E008", "ANONYMOUS_USER_NAME must be None: no fake person in a space."))
    if settings.DATABASES["default"].get("ATOMIC_REQUESTS"):
        wrong.append(("E009", "ATOMIC_REQUESTS must stay off: transactions are explicit."))
    return [checks.Error(text, id=f"tenants.{code}") for code, text in wrong]


def shape(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse an application in both lists, a colliding content type and a crossing key."""
    found: list[checks.CheckMessage] = [
        checks.Error(f"The application “{label}” is shared and per space.", id="tenants.E010")
        for label in sorted(shared_labels() & tenant_labels())
    ]
    found += [
        checks.Error(f"“{one}” and “{two}” have the same content type id.", id="tenants.E011")
        for one, two in contenttypes.collisions(contenttypes.installed())
    ]
    for model in apps.get_models(include_auto_created=True):
        label = model._meta.app_label
        for field in model._meta.local_fields:
            other = field.related_model if field.is_relation else None
            if other is None or isinstance(other, str):
                continue
            target = other._meta.app_label
            crosses = (label in shared_labels()) != (target in shared_labels())
            if crosses and other._meta.label_lower != "contenttypes.contenttype":
                found.append(
                    checks.Error(
                        f"{model._meta.label}.{field.name} crosses between shared and space.",
                        hint="Keep the id in a plain column.",
                        id="tenants.E012",
                    )
                )
    return found


def production_settings(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse what is only acceptable on one's own machine (``check --deploy``)."""
    wrong: list[tuple[str, str]] = []
    if settings.DEBUG or getattr(settings, "DEMO", False):
        wrong.append(("E020", "TREMPLIN_MODE must be “production” to serve people."))
    for alias, options in settings.CACHES.items():
        if options["BACKEND"].rsplit(".", 1)[-1] in PLAIN_CACHES:
            wrong.append(("E021", f"The cache “{alias}” must be shared: set TREMPLIN_CACHE_URL."))
    if len(settings.SECRET_KEY) < 40:
        wrong.append(("E022", "TREMPLIN_SECRET_KEY must have 40 characters or more."))
    if not settings.SESSION_COOKIE_SECURE or not settings.CSRF_COOKIE_SECURE:
        wrong.append(("E023", "Cookies must be marked secure."))
    if not settings.SESSION_COOKIE_NAME.startswith("__Host-"):
        wrong.append(("E024", "The session cookie must carry the __Host- prefix."))
    return [checks.Error(text, id=f"tenants.{code}") for code, text in wrong]


def production_database(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse a database that cannot hold spaces, or a role that may do anything."""
    from django.db import DatabaseError

    from tenants import database

    try:
        facts = database.facts()
    except DatabaseError as error:
        return [checks.Error(f"The database does not answer: {error}", id="tenants.E030")]
    wrong: list[tuple[str, str]] = []
    if facts.superuser:
        wrong.append(("E031", f"The role “{facts.role}” is superuser: use an ordinary one."))
    if not facts.may_create:
        wrong.append(("E032", f"The role “{facts.role}” may not create schemas."))
    if facts.version < database.OLDEST:
        wrong.append(("E033", f"PostgreSQL {facts.version} is too old: 15 is the oldest."))
    if not facts.vector:
        wrong.append(("E034", "The extension “vector” is not installed in the schema public."))
    if facts.locks < database.LOCKS:
        wrong.append(("E035", f"max_locks_per_transaction must be {database.LOCKS} or more."))
    return [checks.Error(text, id=f"tenants.{code}") for code, text in wrong]


ALL = (no_async_view, cache_keys, isolation_settings, shape)
DEPLOY = (production_settings, production_database)
