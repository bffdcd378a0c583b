"""A directory that calls the SCIM service of two schools."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

SCIM = "/scim/v2"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    """Hash passwords quickly: the real hasher takes most of a second on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@dataclass
class Directory:
    """One identity provider: a client of a space with a bearer token."""

    client: Any
    token: str
    tenant: Any

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if self.token:
            headers = {"Authorization": f"Bearer {self.token}", **headers}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.generic(
            method,
            path if path.startswith("/scim") else f"{SCIM}{path}",
            b"" if body is None else data,
            content_type="application/scim+json",
            headers=headers,
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def user(self, user_name: str, **attributes: Any) -> dict[str, Any]:
        """Create a user and return the answer's document."""
        answer = self.send(
            "POST", "/Users", {"schemas": [USER], "userName": user_name, **attributes}
        )
        assert answer.status_code == 201, answer.content
        return dict(answer.json())

    def group(self, name: str, *members: str) -> dict[str, Any]:
        """Create a group and return the answer's document."""
        body = {"schemas": [GROUP], "displayName": name}
        answer = self.send(
            "POST", "/Groups", {**body, "members": [{"value": member} for member in members]}
        )
        assert answer.status_code == 201, answer.content
        return dict(answer.json())

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> Any:
        return self.send(
            "PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers
        )


@pytest.fixture
def make_admin(inside: Any) -> Callable[..., Any]:
    """Return ``make_admin(tenant)``: an administrator other than the owner."""
    from tremplin.identity import services

    def make(tenant: Any, email: str = "nadia@mecaformation.example") -> Any:
        with inside(tenant):
            return services.create_person(email=email, roles=["admin"], password="une phrase 7 !")

    return make


@pytest.fixture
def make_directory(inside: Any, client_for: Any, make_admin: Any) -> Callable[..., Directory]:
    """Return ``make_directory(tenant)``: a directory with a key of its own."""
    from tremplin.identity.api_access import keys

    def make(tenant: Any, creator: Any = None, scopes: tuple[str, ...] = ("scim",)) -> Directory:
        person = creator or make_admin(tenant)
        with inside(tenant):
            _key, secret = keys.create(name="Entra ID", scopes=scopes, created_by=person)
        return Directory(client_for(tenant), secret, tenant)

    return make


@pytest.fixture
def directory(make_directory: Any, tenant_a: Any) -> Directory:
    """The directory of the first school."""
    found: Directory = make_directory(tenant_a)
    return found


@pytest.fixture
def directory_b(make_directory: Any, tenant_b: Any) -> Directory:
    """The directory of the second school."""
    found: Directory = make_directory(tenant_b)
    return found


@pytest.fixture
def person(inside: Any, tenant_a: Any) -> Callable[[str], Any]:
    """Return ``person(email)``: someone of the first school as she is stored now."""
    from tremplin.identity.models import User

    def read(email: str) -> Any:
        with inside(tenant_a):
            found = User.objects.get(email=email)
            found.role_codes()
            return found

    return read
