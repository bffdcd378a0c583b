"""People, switches and addresses that the rules about pages and tables need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from tremplin.api import TenantContext, services

CORE_ROLES = ("admin", "manager", "trainer", "coach", "recruiter", "learner", "candidate", "dpo")
_SAMPLES = {"uuid": str(UUID(int=7)), "int": "1", "slug": "x", "str": "x", "path": "x/y"}
_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Route:
    """One address of a module with its view."""

    path: str
    view: Any


def switch_on(tenant: Any, slug: str) -> None:
    """License and activate a module and what it requires, and run its ``activated`` hook."""
    from tremplin.kernel import gate, registry
    from tremplin.kernel.activation import run_activated

    manifest = registry.manifest_of(slug)
    assert manifest is not None, f"{slug} does not start: {registry.get(slug)}"
    for need in manifest.requires:
        switch_on(tenant, need)
    gate.set_licence(tenant, slug, "on", reason="contract suite")
    gate.activate(tenant, slug)
    run_activated(slug, first_time=True)


def switch_off(tenant: Any, slug: str) -> None:
    """Deactivate a module."""
    from tremplin.kernel import gate

    gate.deactivate(tenant, slug)


def person(*roles: str) -> Any:
    """Create a person of the current tenant with these roles."""
    from tremplin.identity.services import create_person

    address = f"contract-{uuid4().hex[:12]}@example.org"
    return create_person(
        email=address, first_name="Contract", last_name="Person", roles=roles or ("learner",)
    )


def context_of(who: Any) -> TenantContext:
    """Return the context of a person of the current tenant."""
    return services.contexts().for_person(who.pk)


def routes_of(slug: str) -> list[Route]:
    """Return every address of a module, its parameters filled with values that match nothing."""
    from django.urls import get_resolver

    return [
        route
        for route in _walk(list(get_resolver().url_patterns), "/")
        if route.path.startswith((f"/app/{slug}/", f"/console/{slug}/"))
        or _is_public(slug, route.path)
    ]


def api_paths_of(slug: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (method, path, operation) of each API operation of a module, from the schema."""
    from tremplin.config.api import api

    found = []
    for path, methods in api.get_openapi_schema()["paths"].items():
        if path.startswith(f"/api/v1/{slug}/"):
            filled = re.sub(r"{(\w+)}", _SAMPLES["uuid"], path)
            found += [(method, filled, operation) for method, operation in methods.items()]
    return found


def _is_public(slug: str, path: str) -> bool:
    from tremplin.kernel import registry

    manifest = registry.manifest_of(slug)
    first = path.strip("/").split("/", 1)[0]
    return manifest is not None and first in manifest.public_prefixes


def _walk(patterns: list[Any], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        route = _PARAMETER.sub(
            lambda match: _SAMPLES.get(match[1] or "str", "x"), str(pattern.pattern)
        )
        if hasattr(pattern, "url_patterns"):
            yield from _walk(list(pattern.url_patterns), prefix + route)
        else:
            yield Route(prefix + route, pattern.callback)
