"""Every operation of the API says how callers sign in, which scope and which right they need."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tremplin.api.http import scope_needed
from tremplin.kernel import api_schema

WAYS = ["SessionAuth", "AccessToken", "ClientCredentials", "ApiKeyAuth"]
# Operations that nobody needs to sign in for.
PUBLIC: set[str] = set()
# Operations for any credential, whatever its scopes and rights.
ANY_CREDENTIAL = {"identity_me", "identity_openapi"}
# What no caller sets through the API: rights, states, owners, secrets.
PRIVILEGED = {
    "created_by",
    "groups",
    "is_active",
    "is_staff",
    "is_superuser",
    "owner",
    "password",
    "permissions",
    "role",
    "roles",
    "schema_name",
    "secret_hash",
    "session_stamp",
    "tenant",
    "user_permissions",
}


def _operations() -> list[tuple[str, str, Any, Any]]:
    from tremplin.config import api  # noqa: F401  publishes the API

    return api_schema.operations()


def _paths() -> dict[str, Any]:
    from tremplin.config import api  # noqa: F401  publishes the API

    found: dict[str, Any] = api_schema.whole()["paths"]
    return found


def test_every_operation_declares_its_access() -> None:
    from tremplin.identity.api_access import scopes

    known = scopes.by_name()
    found = _operations()
    assert len(found) == 15
    for slug, name, access, operation in found:
        ways = [type(way).__name__ for way in operation.auth_callbacks]
        assert ways == ([*WAYS, "Anyone"] if name in PUBLIC else WAYS), name
        assert {way.slug for way in operation.auth_callbacks} == {slug}, name
        assert name.startswith(f"{slug}_"), name
        assert access is not None, name
        assert access.anonymous is (name in PUBLIC), name
        needed = {scope_needed(access, slug, method) for method in operation.methods}
        if name in PUBLIC | ANY_CREDENTIAL:
            assert (needed, access.permission) == ({""}, ""), name
        else:
            assert needed <= known.keys(), name
            assert access.permission.partition(".")[0] == slug, name


def test_an_operation_without_a_declaration_would_be_found() -> None:
    """The check above is able to fail: an unmarked function has no access."""
    from tremplin.kernel.mounting import access_of

    def open_to_all(request: Any) -> None:
        """Say nothing about who may call."""

    assert access_of(open_to_all) is None


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        yield name
        yield from _fields(inner, schemas)
    for branch in ("anyOf", "allOf", "oneOf"):
        for inner in schema.get(branch, []):
            yield from _fields(inner, schemas)
    if "items" in schema:
        yield from _fields(schema["items"], schemas)
    if "$ref" in schema:
        yield from _fields(schemas[schema["$ref"].rpartition("/")[2]], schemas)


def test_no_body_takes_a_privileged_field() -> None:
    document = api_schema.whole()
    schemas = document["components"]["schemas"]
    offered = {
        item["operationId"]: PRIVILEGED & set(_fields(content["schema"], schemas))
        for methods in document["paths"].values()
        for item in methods.values()
        for content in item.get("requestBody", {}).get("content", {}).values()
    }
    assert {name: fields for name, fields in offered.items() if fields} == {}


def test_privileged_fields_are_seen_at_any_depth() -> None:
    schemas = {"Inner": {"properties": {"roles": {"type": "array"}}}}
    outer = {"properties": {"people": {"items": {"anyOf": [{"$ref": "#/c/Inner"}]}}}}
    assert PRIVILEGED & set(_fields(outer, schemas)) == {"roles"}


@pytest.mark.django_db
def test_values_that_an_operation_does_not_declare_change_nothing(
    tenant_a: Any, inside: Any, client_for: Callable[..., Any]
) -> None:
    """Mass assignment: every operation, every method it takes, as a learner and as a key."""
    from django.contrib.auth.models import Group

    from tremplin.identity import services
    from tremplin.identity.api_access import keys
    from tremplin.identity.models import ApiKey, SpaceOwner, User
    from tremplin.kernel import gate

    gate.set_licence(tenant_a, "quiz", "on", reason="test")
    gate.activate(tenant_a, "quiz")
    with inside(tenant_a):
        admin = services.create_person(email="boss@example.org", roles=["admin"])
        learner = services.create_person(email="lina@example.org", roles=["learner"])
        _key, secret = keys.create(
            name="all", scopes=["identity:read", "quiz:read"], created_by=admin
        )
        keys_before = list(ApiKey.objects.values_list("pk", "scopes", "created_by", "revoked_at"))

    def state() -> list[Any]:
        with inside(tenant_a):
            return [
                sorted(
                    (str(row.pk), row.email, row.is_active, row.password, sorted(row.role_codes()))
                    for row in User.objects.all()
                ),
                sorted((group.name, group.permissions.count()) for group in Group.objects.all()),
                list(SpaceOwner.objects.values_list("person", flat=True)),
                list(ApiKey.objects.values_list("pk", "scopes", "created_by", "revoked_at")),
            ]

    before = state()
    assert before[3] == keys_before
    hostile = {
        **dict.fromkeys(PRIVILEGED, "admin"),
        "id": str(learner.pk),
        "person": str(learner.pk),
        "is_superuser": True,
        "scopes": ["scim"],
    }
    callers = [
        (client_for(tenant_a, learner), {}),
        (client_for(tenant_a), {"Authorization": f"Bearer {secret}"}),
    ]
    asked = 0
    for path, methods in _paths().items():
        address = re.sub(r"\{\w+\}", str(learner.pk), path)
        for method in {*methods, "get", "post", "put", "patch", "delete"}:
            for client, headers in callers:
                answer = client.generic(
                    method.upper(),
                    f"{address}?role=admin&is_superuser=1&tenant=other",
                    json.dumps(hostile),
                    content_type="application/json",
                    headers=headers,
                )
                asked += 1
                assert answer.status_code < 500, (method, path)
                if method not in methods:
                    assert answer.status_code == 405, (method, path)
    assert asked == len(api_schema.whole()["paths"]) * 5 * len(callers)
    assert state() == before
