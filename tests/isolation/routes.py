"""Every address of the URLconf and every operation of the API, as found at run time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from tremplin.api.http import ACCESS_ATTRIBUTE, Access


@dataclass(frozen=True, slots=True)
class Route:
    """One address: its full name, its text, who may call it and by which methods."""

    name: str
    text: str
    pattern: URLPattern
    access: str
    methods: tuple[str, ...] = ("GET", "HEAD", "POST")


def routes() -> list[Route]:
    """Return every leaf of the URLconf, API operations included, in their order of resolution."""
    operations = api_operations()
    found = []
    seen: set[str] = set()
    for text, namespaces, pattern in _walk(get_resolver()):
        plain = re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", re.sub(r"<\w+:", "<", text)).replace("^", "")
        if plain in seen:
            continue  # ours stands before a library's: the second is never reached
        seen.add(plain)
        name = ":".join((*namespaces, pattern.name or ""))
        if not pattern.name:
            module = getattr(pattern.callback, "__module__", "")
            if "<" in text or module.startswith(("tremplin.", "tenants.", "plugins.")):
                raise AssertionError(f"the address {text!r} has no name: give it one")
            name = f"/{text}"  # a redirection of a library
        access = getattr(pattern.callback, ACCESS_ATTRIBUTE, None)
        methods: tuple[str, ...] = ("GET", "HEAD", "POST")
        declared = _said(access)
        if text in operations:
            declared = "; ".join(f"{method} {said}" for method, said in operations[text])
            extra = {method for method, _said_ in operations[text]} - {*methods}
            methods = (*methods, *sorted(extra))
        found.append(Route(name, text, pattern, declared, methods))
    return found


def _said(access: Access | None) -> str:
    if access is None:
        return "(own rules)"
    return "anonymous" if access.anonymous else access.permission or "(signed in)"


def _walk(
    resolver: URLResolver, prefix: str = "", namespaces: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...], URLPattern]]:
    for pattern in resolver.url_patterns:
        text = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from _walk(pattern, text, inner)
        else:
            yield text, namespaces, pattern


def api_operations() -> dict[str, list[tuple[str, str]]]:
    """Return per address of the API its (method, who may call) pairs."""
    from tremplin.config.api import api

    found: dict[str, list[tuple[str, str]]] = {}
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            parts = [part.strip("/") for part in (prefix, path) if part.strip("/")]
            text = "api/v1/" + re.sub(r"\{((?:\w+:)?\w+)\}", r"<\1>", "/".join(parts))
            for operation in view.operations:
                access: Any = getattr(operation.view_func, ACCESS_ATTRIBUTE, None)
                for method in operation.methods:
                    found.setdefault(text, []).append((method, _said(access)))
    return found
