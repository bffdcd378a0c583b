"""How often doors open: limit and one more, two spaces, many at once, in the reader's language."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import RequestFactory
from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver

from tremplin.identity.network import limits
from tremplin.identity.network.limits import READING, Limit, limit_of
from tremplin.kernel import throttle

HELD = 1_790_000_000.0  # a moment at the beginning of no window


@pytest.fixture
def few(monkeypatch: Any) -> None:
    """Make every limit three, and hold the clock: a window must not turn during a test."""
    monkeypatch.setattr(
        limits,
        "LIMITS",
        tuple(
            Limit(
                item.scope,
                3,
                item.seconds,
                item.by,
                item.methods,
                item.names,
                item.prefix,
                item.parameter,
            )
            for item in limits.LIMITS
        ),
    )
    monkeypatch.setattr(throttle.time, "time", lambda: HELD)


def _names(patterns: Any, space: str = "", path: str = "") -> list[tuple[str, str]]:
    found = []
    for entry in patterns:
        here = path + str(entry.pattern).lstrip("^")
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            found += _names(entry.url_patterns, inner, here)
        elif isinstance(entry, URLPattern) and entry.name:
            found.append((f"{space}{entry.name}", "/" + here))
    return found


def _scope(method: str, path: str, name: str) -> str:
    found = limit_of(RequestFactory().generic(method, path), name)
    return found.scope if found else ""


SENSITIVE = (
    ("POST", "account_login", "accounts"),
    ("POST", "account_signup", "accounts"),
    ("POST", "account_reset_password", "accounts"),
    ("POST", "account_reset_password_from_key", "accounts"),
    ("POST", "account_request_login_code", "accounts"),
    ("POST", "account_confirm_login_code", "accounts"),
    ("POST", "account_reauthenticate", "accounts"),
    ("POST", "account_confirm_email", "accounts"),
    ("POST", "mfa_authenticate", "accounts"),
    ("POST", "mfa_login_webauthn", "accounts"),
    ("POST", "identity:invitation", "accounts"),
    ("GET", "people:export", "export"),
    ("GET", "people:security_export", "export"),
    ("POST", "people:audit_export", "export"),
    ("POST", "operations:export", "archive"),
    ("POST", "people:audit_verify", "audit.check"),
    ("POST", "people:domains", "fetch"),
    ("POST", "people:domain_check", "fetch"),
)


@pytest.mark.parametrize(("method", "name", "scope"), SENSITIVE)
def test_each_sensitive_address_has_a_limit(method: str, name: str, scope: str) -> None:
    paths = dict(_names(get_resolver().url_patterns))
    assert name in paths, f"{name} is no longer an address: follow it here"
    assert _scope(method, paths[name], name) == scope


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/v1/me", "api"),
        ("POST", "/api/v1/x", "api"),
        ("GET", "/scim/v2/Users", "scim"),
        ("PATCH", "/scim/v2/Users/1", "scim"),
        ("POST", "/identity/o/api/token", "token"),
        ("POST", "/_allauth/app/v1/auth/login", "headless"),
        ("GET", "/console/people/?q=ada", "search"),
        ("GET", "/console/people/?q=+", ""),
        ("GET", "/console/people/", ""),
        ("GET", "/accounts/login/", ""),
        ("POST", "/console/people/invite/", ""),
    ],
)
def test_what_counts(method: str, path: str, scope: str) -> None:
    assert _scope(method, path, "people:list") == scope


def test_every_reading_by_words_is_a_search() -> None:
    (search,) = [item for item in limits.LIMITS if item.scope == "search"]
    assert (search.parameter, search.methods, search.by) == ("q", READING, "person")


@pytest.mark.django_db
def test_one_more_than_the_limit_is_refused_in_words(
    few: None, as_admin: Any, tenant_a: Any, tenant_b: Any, client_for: Any, admin_b: Any
) -> None:
    url = "/console/people/?q=lina"
    as_admin.cookies["language"] = "en"
    assert [as_admin.get(url).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = as_admin.get(url)
    left = 60 - int(HELD) % 60
    assert refused["Retry-After"] == str(left)
    assert refused["Cache-Control"] == "no-store"
    page = refused.content.decode()
    assert 'data-testid="too-many-requests"' in page
    assert f"Try again in {left} seconds." in page
    as_admin.cookies["language"] = "fr"
    assert f"Réessayez dans {left} secondes." in as_admin.get(url).content.decode()
    assert as_admin.get("/console/people/").status_code == 200
    assert client_for(tenant_b, admin_b).get(url).status_code == 200


@pytest.mark.django_db
def test_two_people_behind_one_address_do_not_share_a_search_limit(
    few: None, as_admin: Any, client_for: Any, tenant_a: Any, make_person: Any
) -> None:
    manager = client_for(tenant_a, make_person(tenant_a, "m@mecaformation.example", "manager"))
    url = "/console/people/?q=lina"
    assert [as_admin.get(url).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert manager.get(url).status_code == 200


@pytest.mark.django_db
def test_doors_count_per_address_and_per_space(
    few: None, client_for: Any, tenant_a: Any, tenant_b: Any
) -> None:
    def knock(tenant: Any, address: str) -> int:
        client = client_for(tenant, REMOTE_ADDR=address)
        data = {"email": "nobody@people.example"}
        return int(client.post("/accounts/password/reset/", data).status_code)

    assert [knock(tenant_a, "192.0.2.1") for _ in range(4)] == [302, 302, 302, 429]
    assert knock(tenant_a, "192.0.2.2") == 302
    assert knock(tenant_b, "192.0.2.1") == 302


@pytest.mark.django_db
def test_machines_get_a_problem(few: None, client_for: Any, tenant_a: Any) -> None:
    client = client_for(tenant_a)
    codes = [client.get("/api/v1/people/me").status_code for _ in range(3)]
    assert 429 not in codes
    refused = client.get("/api/v1/me")
    assert (refused.status_code, refused["Content-Type"]) == (429, "application/problem+json")
    assert refused.json()["code"] == "too_many_requests"
    assert refused["Retry-After"] == str(60 - int(HELD) % 60)
    for _ in range(3):
        client.get("/scim/v2/Users")
    scim = client.get("/scim/v2/Users")
    assert (scim.status_code, scim["Content-Type"]) == (429, "application/scim+json")
    assert scim.json()["status"] == "429"


@pytest.mark.django_db
def test_the_sign_in_library_refuses_with_our_page(
    client_for: Any, tenant_a: Any, settings: Any
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "reset_password": "1/m/ip"}
    client = client_for(tenant_a)
    client.cookies["language"] = "fr"
    data = {"email": "nobody@people.example"}
    assert client.post("/accounts/password/reset/", data).status_code == 302
    refused = client.post("/accounts/password/reset/", data)
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert "Réessayez dans 60 secondes." in refused.content.decode()


def test_many_at_once_are_counted_exactly(tenant_a: Any, inside: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(throttle.time, "time", lambda: HELD)
    start = threading.Barrier(16)

    def knock(_number: int) -> int:
        start.wait()
        with inside(tenant_a):
            return sum(
                throttle.hit("many", "key", limit=100, seconds=60) is None for _ in range(25)
            )

    with ThreadPoolExecutor(16) as threads:
        passed = sum(threads.map(knock, range(16)))
    assert passed == 100


def test_a_new_window_begins_at_nothing(tenant_a: Any, inside: Any, monkeypatch: Any) -> None:
    moment = [HELD]
    monkeypatch.setattr(throttle.time, "time", lambda: moment[0])
    with inside(tenant_a):
        assert throttle.hit("w", "k", limit=1, seconds=60) is None
        over = throttle.hit("w", "k", limit=1, seconds=60)
        assert over is not None
        assert over.retry_after == 60 - int(HELD) % 60
        moment[0] += over.retry_after
        assert throttle.hit("w", "k", limit=1, seconds=60) is None
