"""What the API of one space offers, as an OpenAPI document and as rows for its page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tremplin.identity.api_access import scopes as scope_names
from tremplin.identity.api_access.authenticators import TOKEN_PATH
from tremplin.identity.normalise import fold
from tremplin.kernel import api_schema, registry
from tremplin.kernel.api_auth import CORE

BODY = "application/json"
MAX_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of the address."""

    name: str
    place: str
    kind: str
    required: bool
    note: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the page shows it."""

    anchor: str
    method: str
    path: str
    summary: str
    note: str
    scope: str
    permission: str
    parameters: tuple[Parameter, ...]
    body: str
    answer: str
    refusals: tuple[tuple[str, str], ...]
    command: str


@dataclass(frozen=True, slots=True)
class Group:
    """The operations of one module."""

    slug: str
    name: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to sign in, with a command that shows it."""

    title: str
    note: str
    command: str


def of_space(request: HttpRequest) -> dict[str, Any]:
    """Return the OpenAPI document of the current space for the host that was asked."""
    ctx = request.ctx  # type: ignore[attr-defined]
    return api_schema.document(
        title=f"{ctx.tenant.name} API",
        server=f"{request.scheme}://{request.get_host()}",
        modules=CORE | ctx.enabled,
        labels={name: str(scope.label) for name, scope in scope_names.by_name().items()},
    )


def groups(document: dict[str, Any], words: list[str]) -> list[Group]:
    """Return the operations by module whose path, title or text holds every folded word."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, item in methods.items():
            text = fold(f"{path} {item['summary']} {item.get('description', '')} {item['x-scope']}")
            if all(word in text for word in words):
                found.setdefault(item["x-module"], []).append(
                    _operation(document, path, method, item)
                )
    return [Group(slug, _name(slug), tuple(items)) for slug, items in sorted(found.items())]


def ways(server: str) -> list[Way]:
    """Return the ways to sign in, the simplest first."""
    return [
        Way(
            _("A key"),
            _("For a script: made in the console, shown once, with an end and scopes."),
            f'curl -H "Authorization: Bearer trk_…" {server}/api/v1/me',
        ),
        Way(
            _("An application"),
            _("For a server: it asks for a token of one hour with its id and secret (OAuth 2.0)."),
            f"curl -u ID:SECRET -d grant_type=client_credentials {server}{TOKEN_PATH}",
        ),
        Way(
            _("A person in an app"),
            _("She signs in; the token lives five minutes, the refresh token works once."),
            f"curl -H 'Content-Type: application/json' "
            f'-d \'{{"email": "…", "password": "…"}}\' {server}/_allauth/app/v1/auth/login',
        ),
    ]


def sample(schema: dict[str, Any], schemas: dict[str, Any], depth: int = 0) -> Any:
    """Return an example value that fits a JSON schema (first choice of each alternative)."""
    if depth > MAX_DEPTH:
        return None
    if "$ref" in schema:
        return sample(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth + 1)
    if schema.get("examples"):
        return schema["examples"][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return sample(schema[name][0], schemas, depth + 1)
    if schema.get("enum"):
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type")
    if kind == "object":
        return {
            name: sample(inner, schemas, depth + 1)
            for name, inner in schema.get("properties", {}).items()
        }
    if kind == "array":
        return [sample(schema.get("items", {}), schemas, depth + 1)]
    return _plain_sample(schema)


def _plain_sample(schema: dict[str, Any]) -> Any:
    by_format = {
        "uuid": "7ea8f5df-0598-42bb-9d6b-b5dff4891aaf",
        "date-time": "2026-11-21T09:30:00Z",
        "date": "2026-11-21",
        "email": "lina@example.org",
    }
    kind = schema.get("type")
    if kind == "string" and "pattern" in schema:
        return "75.00"  # decimals travel as text
    if kind == "string":
        return by_format.get(schema.get("format", ""), schema.get("default", "text"))
    return {"integer": 1, "number": 1.5, "boolean": True}.get(str(kind))


def _operation(document: dict[str, Any], path: str, method: str, item: dict[str, Any]) -> Operation:
    schemas = document["components"]["schemas"]
    body = _content(item.get("requestBody", {}))
    done: dict[str, Any] = next(
        (item["responses"][code] for code in item["responses"] if code < "300"), {}
    )
    answer = _content(done)
    body_text = _json(sample(body, schemas)) if body else ""
    return Operation(
        anchor=item["operationId"],
        method=method.upper(),
        path=path,
        summary=item["summary"],
        note=item.get("description", "").replace("``", ""),
        scope=item["x-scope"],
        permission=item["x-permission"],
        parameters=tuple(_parameter(each) for each in item["parameters"]),
        body=body_text,
        answer=_json(sample(answer, schemas)) if answer else "",
        refusals=tuple(
            (code, str(each["description"]))
            for code, each in item["responses"].items()
            if code >= "400"
        ),
        command=_command(document["servers"][0]["url"], path, method.upper(), bool(body)),
    )


def _command(server: str, path: str, method: str, has_body: bool) -> str:
    parts = ["curl", '-H "Authorization: Bearer $KEY"']
    if method != "GET":
        parts.append(f"-X {method}")
    if has_body:
        parts.append('-H "Content-Type: application/json" -d @body.json')
    return " ".join([*parts, f'"{server}{path}"'])


def _content(holder: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = holder.get("content", {}).get(BODY, {}).get("schema", {})
    return found


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _parameter(item: dict[str, Any]) -> Parameter:
    schema = item["schema"]
    choices = schema.get("anyOf", [schema])
    kinds = [str(each.get("format") or each.get("type", "")) for each in choices]
    kind = " | ".join(name for name in kinds if name and name != "null")
    note = str(item.get("description", ""))
    if "default" in schema and schema["default"] not in ("", None):
        usual = _("%(value)s unless said otherwise") % {"value": schema["default"]}
        note = f"{note} {usual}".strip()
    return Parameter(item["name"], item["in"], kind, bool(item.get("required")), note)


def _name(slug: str) -> str:
    manifest = registry.manifest_of(slug)
    if manifest is None:
        return _("People")
    return manifest.name.in_language(get_language() or "en")
