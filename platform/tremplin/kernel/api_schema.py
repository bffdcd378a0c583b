"""The OpenAPI document of one space: the modules that are on, with scopes and permissions."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any

from ninja import NinjaAPI

from tremplin.api.http import Access, scope_needed
from tremplin.kernel.mounting import access_of

_published: NinjaAPI | None = None
BASE = "/api/v1"


def publish(api: NinjaAPI) -> None:
    """Say which API is described (``config.api``, once per process)."""
    global _published
    _published = api
    _whole.cache_clear()


def document(
    *, title: str, server: str, modules: frozenset[str], labels: dict[str, str]
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a space.

    ``server`` is its origin (``https://school.example``), ``modules`` the slugs to describe,
    ``labels`` the words of the scopes by name. Nothing of another module is left in it.
    """
    found = copy.deepcopy(_whole())
    found["info"]["title"] = title
    found["servers"] = [{"url": server}]
    found["paths"] = {
        path: kept
        for path, methods in found["paths"].items()
        if (kept := {m: o for m, o in methods.items() if o["x-module"] in modules})
    }
    tags = {
        tag for path in found["paths"].values() for item in path.values() for tag in item["tags"]
    }
    found["tags"] = [{"name": name} for name in sorted(tags)]
    flow = found["components"]["securitySchemes"]["ClientCredentials"]["flows"]["clientCredentials"]
    flow["scopes"] = {name: labels.get(name, name) for name in sorted(_scopes_of(found))}
    schemas = found["components"]["schemas"]
    used = _reached(found["paths"], schemas)
    found["components"]["schemas"] = {name: schemas[name] for name in sorted(used)}
    return found


def whole() -> dict[str, Any]:
    """Return the document of every module of this installation (golden file, contract)."""
    return copy.deepcopy(_whole())


def operations() -> list[tuple[str, str, Access | None, Any]]:
    """Return (module, operation id, access, ninja operation) of every operation of the API."""
    api = _api()
    return [
        (
            getattr(next(iter(operation.auth_callbacks), None), "slug", ""),
            operation.operation_id or api.get_openapi_operation_id(operation),
            access_of(operation.view_func),
            operation,
        )
        for bound in api._get_bound_routers()
        for view in bound.path_operations.values()
        for operation in view.operations
    ]


def _api() -> NinjaAPI:
    if _published is None:
        raise RuntimeError("no API is published in this process")
    return _published


@lru_cache(maxsize=1)
def _whole() -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(dict(_api().get_openapi_schema(path_prefix=f"{BASE}/")))
    facts = {name: (slug, access) for slug, name, access, _operation in operations()}
    for methods in found["paths"].values():
        for method, item in methods.items():
            slug, access = facts[item["operationId"]]
            _describe(item, slug, access or Access(), method)
    found["components"]["schemas"]["Problem"] = PROBLEM
    found["components"].setdefault("securitySchemes", {}).setdefault(
        "ClientCredentials", {"type": "oauth2", "flows": {"clientCredentials": {"scopes": {}}}}
    )
    return found


def _describe(item: dict[str, Any], slug: str, access: Access, method: str) -> None:
    """Say what an operation needs, and that its refusals are problem documents."""
    scope = scope_needed(access, slug, method)
    item["x-module"] = slug
    item["x-permission"] = access.permission
    item["x-scope"] = scope
    item.setdefault("tags", [slug])
    ways = item.get("security", [])
    for way in ways:
        for name in way:
            way[name] = [scope] if name == "ClientCredentials" and scope else []
    if access.anonymous:
        ways.append({})
    for status in (*REFUSALS, *(("422",) if item["parameters"] or "requestBody" in item else ())):
        item["responses"].pop(int(status), None)
        item["responses"][status] = {
            "description": REFUSALS.get(status, INVALID),
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
    item["responses"] = {
        str(status): answer
        for status, answer in sorted(item["responses"].items(), key=lambda pair: str(pair[0]))
    }


REFUSALS = {
    "401": "authentication_required, invalid_token: no credential, or one that is not valid here",
    "403": "insufficient_scope, permission_denied, mfa_required: the caller may not",
    "404": "not_found: nothing at this address, or the module is off",
    "429": "too_many_requests: Retry-After says how many seconds to wait",
}
INVALID = "validation_failed: some values are missing or invalid"
PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details; `code` is stable, `detail` is for people.",
    "required": ["type", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["about:blank"]},
        "status": {"type": "integer", "examples": [403]},
        "code": {"type": "string", "examples": ["insufficient_scope"]},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "scope": {"type": "string", "description": "The missing scope"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def _scopes_of(found: dict[str, Any]) -> set[str]:
    return {
        item["x-scope"]
        for methods in found["paths"].values()
        for item in methods.values()
        if item["x-scope"]
    }


def _reached(node: Any, schemas: dict[str, Any]) -> set[str]:
    """Return the names of the schemas that ``node`` refers to, directly or not."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            name = str(here.get("$ref", "")).rpartition("/")[2]
            if name in schemas and name not in found:
                found.add(name)
                waiting.append(schemas[name])
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)
    return found
