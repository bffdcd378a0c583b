"""Mounts plugins under the core wrapper: login, tenant, mode and permission, in that order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, URLResolver, include, path
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from ninja import Router
from ninja.errors import HttpError
from ninja.security.apikey import APIKeyCookie
from ninja.utils import check_csrf

from tremplin.api.http import Access, Problem
from tremplin.kernel import access, gate, registry
from tremplin.kernel.current import tenant_required
from tremplin.kernel.mounting import access_of

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class MountedRouter:
    """A ninja router with its path under ``/api/v1/`` and its authentication."""

    path: str
    router: Router
    auth: Any


def plugin_urlpatterns() -> list[URLPattern | URLResolver]:
    """Return the URL patterns of every working plugin, wrapped, for the one URLconf."""
    patterns: list[URLPattern | URLResolver] = []
    for slug in sorted(registry.mounted_urls()):
        patterns.extend(urlpatterns_of(slug))
    return patterns


def urlpatterns_of(slug: str) -> list[URLPattern | URLResolver]:
    """Return the wrapped patterns of one plugin."""
    mounted = registry.mounted_urls()[slug]
    patterns: list[URLPattern | URLResolver] = []
    if mounted.app:
        patterns.append(path(f"app/{slug}/", include((_wrapped(slug, mounted.app), slug), slug)))
    if mounted.console:
        name = f"{slug}_console"
        patterns.append(
            path(f"console/{slug}/", include((_wrapped(slug, mounted.console), name), name))
        )
    if mounted.public:
        name = f"{slug}_public"
        patterns.append(path("", include((_wrapped(slug, mounted.public), name), name)))
    return patterns


def plugin_routers() -> list[MountedRouter]:
    """Return the API routers of every working plugin for the one ``NinjaAPI``."""
    return [
        MountedRouter(
            "/".join(part for part in (slug, router.prefix.strip("/")) if part),
            router.router,
            [PluginAuth(slug, anonymous=router.anonymous)],
        )
        for slug, routers in sorted(registry.api_routers().items())
        for router in routers
    ]


def _wrapped(
    slug: str, patterns: tuple[URLPattern | URLResolver, ...]
) -> list[URLPattern | URLResolver]:
    """Return copies of the patterns whose views run behind the gate; includes are followed."""
    result: list[URLPattern | URLResolver] = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = _wrapped(slug, tuple(pattern.url_patterns))
            result.append(
                URLResolver(
                    pattern.pattern,
                    inner,
                    pattern.default_kwargs,
                    pattern.app_name,
                    pattern.namespace,
                )
            )
        else:
            view = wrap_view(slug, pattern.callback)
            result.append(URLPattern(pattern.pattern, view, pattern.default_args, pattern.name))
    return result


def wrap_view(slug: str, view: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``view`` behind the gate of module ``slug``."""
    wanted = access_of(view) or Access()

    @wraps(view)
    def gated(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        mode = gate.mode(tenant_required(), slug)
        if mode == "off":
            return _module_off(request, slug)
        refusal = access.refuse(request, wanted)
        if refusal is not None:
            return refusal
        if mode == "read_only" and request.method not in SAFE_METHODS:
            return _page(request, 402, _read_only_problem(), slug)
        try:
            return view(request, *args, **kwargs)
        except Problem as problem:
            if problem.status == 404:
                raise Http404(problem.detail) from problem
            if problem.status == 403:
                raise PermissionDenied(problem.detail) from problem
            return _page(request, problem.status, problem, slug)

    return gated


def _read_only_problem() -> Problem:
    return Problem(
        402,
        "module_read_only",
        _(
            "This module is read-only because its subscription has ended: everything can be read "
            "and exported, nothing can be changed."
        ),
    )


def _module_off(request: HttpRequest, slug: str) -> HttpResponse:
    """Answer 404; a person who may switch modules on is told which one is off and where."""
    ctx = request.ctx  # type: ignore[attr-defined]
    if ctx.person is None or not ctx.can("portal.modules"):
        raise Http404("module is off")
    manifest = registry.manifest_of(slug)
    if manifest is None:
        raise Http404("module is not installed")
    language = get_language() or "en"
    context = {
        "module": {
            "slug": slug,
            "name": manifest.name.in_language(language),
            "description": manifest.summary.in_language(language),
            "icon": manifest.icon,
        },
        "activate_url": f"/console/modules/{slug}/",
    }
    page = render_to_string("portal/errors/activate_module.html", context, request)
    return HttpResponse(page, status=404)


def _page(request: HttpRequest, status: int, problem: Problem, slug: str) -> HttpResponse:
    """Render an expected failure as a page, or as a message when htmx asked for a fragment."""
    manifest = registry.manifest_of(slug)
    context = {
        "code": problem.code,
        "detail": problem.detail,
        "module_name": manifest.name.in_language(get_language() or "en") if manifest else slug,
    }
    fragment = request.headers.get("HX-Request") == "true"
    name = "problem_fragment" if fragment else "problem"
    page = render_to_string(f"portal/errors/{name}.html", context, request)
    return HttpResponse(page, status=status)


class SessionAuth(APIKeyCookie):
    """Signs API calls in with the session cookie of the tenant; writes need the CSRF token."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Any:
        """Return the person. Raises 401 ``authentication_required``, 403 ``csrf_failed``."""
        if request.method not in SAFE_METHODS and check_csrf(request) is not None:
            raise HttpError(403, "CSRF check failed")
        return self.authenticate(request, None)

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        person = request.ctx.person  # type: ignore[attr-defined]
        if person is None:
            raise Problem(401, "authentication_required", _("Sign in to use this operation."))
        return person


class PluginAuth(SessionAuth):
    """Session authentication behind the gate of one module."""

    def __init__(self, slug: str, *, anonymous: bool) -> None:
        self.slug, self.anonymous = slug, anonymous
        super().__init__()

    def __call__(self, request: HttpRequest) -> Any:
        """Answer 404 when the module is off, 402 for a write when it is read-only."""
        mode = gate.mode(tenant_required(), self.slug)
        if mode == "off":
            raise Http404("module is off")
        person = request.ctx.person  # type: ignore[attr-defined]
        if self.anonymous and person is None:
            if request.method not in SAFE_METHODS and check_csrf(request) is not None:
                raise HttpError(403, "CSRF check failed")
            person = "anonymous"
        else:
            person = super().__call__(request)
        if mode == "read_only" and request.method not in SAFE_METHODS:
            raise _read_only_problem()
        return person


session_auth = SessionAuth()

__all__ = [
    "MountedRouter",
    "PluginAuth",
    "SessionAuth",
    "plugin_routers",
    "plugin_urlpatterns",
    "session_auth",
    "urlpatterns_of",
    "wrap_view",
]
