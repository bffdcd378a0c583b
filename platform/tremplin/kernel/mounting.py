"""Reads a plugin's URLs and API routers and refuses what the core wrapper could not guard."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.urls import URLPattern, URLResolver
from ninja.constants import NOT_SET

from tremplin.api.http import ACCESS_ATTRIBUTE, Access, ApiRouter
from tremplin.api.manifest import Manifest

_PROBLEM = {
    "application/problem+json": {
        "schema": {
            "type": "object",
            "required": ["status", "code", "detail"],
            "properties": {
                "status": {"type": "integer"},
                "code": {"type": "string"},
                "detail": {"type": "string"},
            },
        }
    }
}
# What the core wrapper may answer in place of any operation of a module.
DOCUMENTED_ERRORS: dict[str, Any] = {
    "responses": {
        401: {"description": "authentication_required", "content": _PROBLEM},
        402: {"description": "module_read_only", "content": _PROBLEM},
        403: {"description": "permission_denied", "content": _PROBLEM},
        404: {"description": "not_found", "content": _PROBLEM},
        422: {"description": "validation_failed", "content": _PROBLEM},
    }
}


@dataclass(frozen=True, slots=True)
class MountedUrls:
    """The checked patterns of one plugin, by mount."""

    app: tuple[URLPattern | URLResolver, ...] = ()
    console: tuple[URLPattern | URLResolver, ...] = ()
    public: tuple[URLPattern | URLResolver, ...] = ()


class UnguardedView(TypeError):  # noqa: N818  reads as the fact it reports
    """Raised for a plugin view that does not say who may call it, or that dodges the guard."""


def load_urls(slug: str, manifest: Manifest) -> MountedUrls:
    """Import ``<django_app>.urls`` and return its checked patterns (empty without that module).

    Raises ``UnguardedView`` for a view without ``tremplin.api.view``, an async or CSRF-exempt view,
    and a public pattern outside the manifest's ``public_prefixes``.
    """
    name = f"{manifest.django_app}.urls"
    if find_spec(name) is None:
        return MountedUrls()
    module = import_module(name)
    mounted = MountedUrls(
        tuple(getattr(module, "urlpatterns", ())),
        tuple(getattr(module, "console_urlpatterns", ())),
        tuple(getattr(module, "public_urlpatterns", ())),
    )
    for pattern in views_of([*mounted.app, *mounted.console, *mounted.public]):
        check_view(slug, pattern.callback)
    for public in mounted.public:
        first = str(public.pattern).lstrip("^").split("/", 1)[0]
        if first not in manifest.public_prefixes:
            raise UnguardedView(
                f"public pattern {str(public.pattern)!r} starts with none of the prefixes "
                f"{', '.join(manifest.public_prefixes) or '(none declared)'}"
            )
    return mounted


def views_of(patterns: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    """Yield every leaf pattern, includes followed."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views_of(list(pattern.url_patterns))
        else:
            yield pattern


def access_of(callback: Callable[..., Any]) -> Access | None:
    """Return who may call a view, or None when it does not say."""
    found = getattr(callback, ACCESS_ATTRIBUTE, None)
    return found if isinstance(found, Access) else None


def check_view(slug: str, callback: Callable[..., Any]) -> None:
    """Raise ``UnguardedView`` unless the core wrapper can guard this view."""
    name = f"{callback.__module__}.{getattr(callback, '__qualname__', callback)}"
    access = access_of(callback)
    if access is None:
        raise UnguardedView(f"{name} does not say who may call it: use tremplin.api.view")
    if access.permission and access.permission.split(".")[0] != slug:
        raise UnguardedView(f"{name} asks for {access.permission!r}, not a permission of {slug!r}")
    if inspect.iscoroutinefunction(callback) or getattr(callback, "view_is_async", False):
        raise UnguardedView(f"{name} is async; views are plain functions")
    if getattr(callback, "csrf_exempt", False):
        raise UnguardedView(f"{name} is exempt from CSRF protection, which no plugin may be")


def validate_routers(slug: str, routers: list[Any]) -> None:
    """Check the operations of a plugin's routers and prefix their ids with the slug.

    Raises ``UnguardedView`` for an operation without ``tremplin.api.operation``, with its own
    authentication, async, exempt from CSRF, or streaming without end.
    """
    for mounted in routers:
        for operation in operations_of(mounted):
            name = f"{operation.view_func.__module__}.{operation.view_func.__name__}"
            access = access_of(operation.view_func)
            if access is None:
                raise UnguardedView(
                    f"{name} does not say who may call it: use tremplin.api.operation"
                )
            if access.permission and access.permission.split(".")[0] != slug:
                raise UnguardedView(f"{name} asks for {access.permission!r}, not one of {slug!r}")
            if access.anonymous and not mounted.anonymous:
                raise UnguardedView(f"{name} is anonymous but its ApiRouter is not")
            if operation.auth_param is not NOT_SET:
                raise UnguardedView(f"{name} sets its own auth; core authenticates")
            if operation.is_async:
                raise UnguardedView(f"{name} is async; operations are plain functions")
            if operation.csrf_exempt:
                raise UnguardedView(f"{name} is exempt from CSRF protection")
            chosen = operation.operation_id or operation.view_func.__name__
            operation.operation_id = chosen if chosen.startswith(f"{slug}_") else f"{slug}_{chosen}"
            operation.openapi_extra = {**DOCUMENTED_ERRORS, **(operation.openapi_extra or {})}
        if mounted.router.auth is not NOT_SET:
            raise UnguardedView(
                f"the router {mounted.prefix!r} sets its own auth; core authenticates"
            )


def operations_of(mounted: ApiRouter) -> Iterator[Any]:
    """Yield the ninja operations of a router and of the routers inside it."""
    for _prefix, router in _all_routers(mounted.router):
        for path_view in router.path_operations.values():
            yield from path_view.operations


def _all_routers(router: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    yield prefix, router
    for mount in getattr(router, "_routers", ()):
        inner = mount[1] if isinstance(mount, tuple) else mount.template
        inner_prefix = mount[0] if isinstance(mount, tuple) else mount.prefix
        yield from _all_routers(inner, prefix + inner_prefix)
