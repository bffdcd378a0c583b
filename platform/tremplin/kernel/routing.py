"""Mounts plugins under the core wrapper: login, tenant, mode and permission, in that order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from ninja import Router

from tremplin.api.http import SAFE_METHODS, Access, Problem
from tremplin.kernel import access, entitled, gate, registry
from tremplin.kernel.api_auth import READ_ONLY, authenticators, read_only_problem
from tremplin.kernel.current import tenant_required
from tremplin.kernel.mounting import access_of
from tremplin.kernel.problems import CONTENT_TYPE, problem_response


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
            authenticators(slug, anonymous=router.anonymous),
        )
        for slug, routers in sorted(registry.api_routers().items())
        for router in routers
    ]


def problem_urls(urls: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the URLs of an API whose refusals by method and unknown addresses are problems too."""
    patterns, *names = urls
    wrapped: list[URLPattern | URLResolver] = [
        URLPattern(item.pattern, _with_problems(item.callback), item.default_args, item.name)
        if isinstance(item, URLPattern)
        else item
        for item in patterns
    ]
    wrapped.append(re_path(r"^.*$", _unknown_address, name="unknown"))
    return (wrapped, *names)


def _with_problems(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = view(request, *args, **kwargs)
        if response.status_code != 405 or response.get("Content-Type") == CONTENT_TYPE:
            return response
        refusal = problem_response(
            Problem(405, "method_not_allowed", _("This address does not take this method."))
        )
        refusal["Allow"] = response.get("Allow", "")
        return refusal

    return answer


@csrf_exempt
def _unknown_address(request: HttpRequest) -> HttpResponse:
    return problem_response(Problem(404, "not_found", _("There is nothing at this address.")))


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
            return _page(request, 402, read_only_problem(), slug)
        person = request.ctx.person  # type: ignore[attr-defined]
        seat = entitled.seat_problem(slug, person.id if person is not None else None)
        if seat is not None and not wanted.anonymous:
            return _page(request, 403, seat, slug)
        try:
            return view(request, *args, **kwargs)
        except Problem as problem:
            if problem.status == 404:
                raise Http404(problem.detail) from problem
            if problem.status == 403:
                raise PermissionDenied(problem.detail) from problem
            return _page(request, problem.status, problem, slug)

    return gated


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


def _may_renew(request: HttpRequest) -> bool:
    ctx = request.ctx  # type: ignore[attr-defined]
    return bool(ctx.person is not None and ctx.can("portal.modules"))


def _page(request: HttpRequest, status: int, problem: Problem, slug: str) -> HttpResponse:
    """Render an expected failure as a page, or as a message when htmx asked for a fragment."""
    manifest = registry.manifest_of(slug)
    context = {
        "code": problem.code,
        "detail": problem.detail,
        "module_name": manifest.name.in_language(get_language() or "en") if manifest else slug,
        "is_ended": problem.code == READ_ONLY,
        "renew_url": f"/console/modules/{slug}/" if _may_renew(request) else "",
    }
    fragment = request.headers.get("HX-Request") == "true"
    name = "problem_fragment" if fragment else "problem"
    page = render_to_string(f"portal/errors/{name}.html", context, request)
    return HttpResponse(page, status=status)


__all__ = [
    "MountedRouter",
    "plugin_routers",
    "plugin_urlpatterns",
    "problem_urls",
    "urlpatterns_of",
    "wrap_view",
]
