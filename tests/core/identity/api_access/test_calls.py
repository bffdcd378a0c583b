"""What a credential opens at the API of its space, what it does not, and how often."""

from __future__ import annotations

import base64
import re
import time
from typing import Any

import pytest

from tremplin.identity import services
from tremplin.identity.api_access import clients
from tremplin.identity.errors import IdentityError

pytestmark = pytest.mark.django_db
ME = "/api/v1/me"
PEOPLE = "/api/v1/people"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def code(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert set(body) >= {"type", "status", "code", "detail", "request_id"}
    return answer.status_code, body["code"]


def token_of(client: Any, application: Any, secret: str, scope: str = "") -> dict[str, Any]:
    pair = base64.b64encode(f"{application.pk}:{secret}".encode()).decode()
    answer = client.post(
        "/identity/o/api/token",
        {"grant_type": "client_credentials", **({"scope": scope} if scope else {})},
        headers={"Authorization": f"Basic {pair}"},
    )
    found: dict[str, Any] = answer.json()
    return {**found, "status": answer.status_code}


def test_a_key_says_who_it_is(client_for: Any, tenant_a: Any, admin_a: Any, make_key: Any) -> None:
    key, secret = make_key(tenant_a, admin_a, "quiz:read")
    answer = client_for(tenant_a).get(ME, headers=bearer(secret))
    assert answer.status_code == 200
    assert answer.json() == {
        "id": str(admin_a.pk),
        "email": "nadia@mecaformation.example",
        "display_name": "Nadia Lefèvre",
        "locale": tenant_a.locale,
        "roles": ["admin"],
        "tenant": {
            "id": str(tenant_a.uuid),
            "slug": "mecaformation",
            "name": "MécaFormation Lyon",
            "kind": "school",
            "locale": tenant_a.locale,
        },
        "caller": {
            "kind": "key",
            "method": "api_key",
            "id": key.prefix,
            "name": "moodle-prod",
            "scopes": ["quiz:read"],
        },
    }


def test_without_a_credential(client_for: Any, tenant_a: Any) -> None:
    answer = client_for(tenant_a).get(ME)
    assert code(answer) == (401, "authentication_required")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer trk_00000000_" + "a" * 43,
        "Bearer a.b.c",
        "Bearer nothing",
        "Basic YTpi",
        "Digest x",
        "Bearer " + "x" * 6000,
        "Bearer \x00",
    ],
)
def test_a_wrong_credential_is_refused_even_beside_a_session(
    client_for: Any, tenant_a: Any, admin_a: Any, header: str
) -> None:
    answer = client_for(tenant_a, admin_a).get(ME, headers={"Authorization": header})
    assert code(answer) == (401, "invalid_token")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


def test_a_key_of_another_space_is_unknown_here(
    client_for: Any, tenant_a: Any, tenant_b: Any, admin_a: Any, admin_b: Any, make_key: Any
) -> None:
    for home, person, away in ((tenant_a, admin_a, tenant_b), (tenant_b, admin_b, tenant_a)):
        _key, secret = make_key(home, person)
        assert client_for(home).get(ME, headers=bearer(secret)).status_code == 200
        answer = client_for(away).get(ME, headers=bearer(secret))
        assert code(answer) == (401, "invalid_token")


def test_a_missing_scope_is_named(
    client_for: Any, tenant_a: Any, admin_a: Any, make_key: Any
) -> None:
    _key, secret = make_key(tenant_a, admin_a, "quiz:read")
    answer = client_for(tenant_a).get(PEOPLE, headers=bearer(secret))
    assert code(answer) == (403, "insufficient_scope")
    assert answer.json()["scope"] == "identity:read"
    assert answer["WWW-Authenticate"] == (
        'Bearer realm="api", error="insufficient_scope", scope="identity:read"'
    )


def test_a_key_has_the_rights_of_its_maker_now(
    inside: Any, client_for: Any, tenant_a: Any, admin_a: Any, make_person: Any, make_key: Any
) -> None:
    maker = make_person(tenant_a, "karim@mecaformation.example", "admin")
    _key, secret = make_key(tenant_a, maker, "identity:read")
    client = client_for(tenant_a)
    assert client.get(PEOPLE, headers=bearer(secret)).status_code == 200
    with inside(tenant_a):
        services.set_roles(maker, ["learner"])
    assert code(client.get(PEOPLE, headers=bearer(secret))) == (403, "permission_denied")
    with inside(tenant_a):
        services.suspend(maker, "left")
    assert code(client.get(PEOPLE, headers=bearer(secret))) == (401, "invalid_token")


def test_a_scope_narrows_the_rights_inside_an_operation(
    rf: Any, inside: Any, tenant_a: Any, admin_a: Any, make_key: Any
) -> None:
    from tremplin.identity.api_access.authenticators import ApiKeyAuth
    from tremplin.kernel import audit

    _key, secret = make_key(tenant_a, admin_a, "identity:read")
    request = rf.get(ME, headers=bearer(secret))
    request.tenant = tenant_a
    with inside(tenant_a), audit.actor(None, "anonymous"):
        principal = ApiKeyAuth("identity")(request)
        assert principal is not None
        assert (principal.kind, principal.scopes) == ("key", frozenset({"identity:read"}))
        held = {name.partition(".")[0] for name in request.ctx.permissions}
        assert held == {"identity"}
        assert request.ctx.can("identity.view_people")
        assert not request.ctx.can("kernel.view_audit")


def test_a_key_works_from_its_networks(
    client_for: Any, tenant_a: Any, admin_a: Any, make_key: Any
) -> None:
    _key, secret = make_key(tenant_a, admin_a, networks=["192.0.2.0/24"])
    client = client_for(tenant_a)
    assert client.get(ME, headers=bearer(secret), REMOTE_ADDR="192.0.2.9").status_code == 200
    refused = client.get(ME, headers=bearer(secret), REMOTE_ADDR="198.51.100.9")
    assert code(refused) == (401, "invalid_token")
    # Nobody believes a header that an untrusted peer wrote.
    spoofed = client.get(
        ME,
        headers={**bearer(secret), "X-Forwarded-For": "192.0.2.9"},
        REMOTE_ADDR="198.51.100.9",
    )
    assert spoofed.status_code == 401


def test_the_sixty_first_call_of_a_key_waits(
    client_for: Any,
    tenant_a: Any,
    tenant_b: Any,
    admin_a: Any,
    admin_b: Any,
    make_key: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _first, busy = make_key(tenant_a, admin_a)
    _second, calm = make_key(tenant_a, admin_a)
    _third, elsewhere = make_key(tenant_b, admin_b)
    minute = 1_800_000_000 // 60 * 60
    monkeypatch.setattr(time, "time", lambda: minute + 15.0)
    client = client_for(tenant_a)
    seen = [client.get(ME, headers=bearer(busy)).status_code for _call in range(60)]
    assert seen == [200] * 60
    over = client.get(ME, headers=bearer(busy))
    assert code(over) == (429, "too_many_requests")
    assert over["Retry-After"] == "45"
    assert client.get(ME, headers=bearer(calm)).status_code == 200
    assert client_for(tenant_b).get(ME, headers=bearer(elsewhere)).status_code == 200
    monkeypatch.setattr(time, "time", lambda: minute + 60.0)
    assert client.get(ME, headers=bearer(busy)).status_code == 200


def test_the_limits_of_a_person_and_of_the_space(
    client_for: Any,
    tenant_a: Any,
    tenant_b: Any,
    admin_a: Any,
    admin_b: Any,
    learner_a: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    settings.API_LIMITS = {"person": 3, "tenant": 5}
    admin, learner = client_for(tenant_a, admin_a), client_for(tenant_a, learner_a)
    assert [admin.get(ME).status_code for _call in range(4)] == [200, 200, 200, 429]
    assert [learner.get(ME).status_code for _call in range(3)] == [200, 200, 429]
    assert client_for(tenant_b, admin_b).get(ME).status_code == 200


def test_an_application_asks_for_a_token_and_calls(
    inside: Any, client_for: Any, tenant_a: Any, tenant_b: Any, admin_a: Any
) -> None:
    with inside(tenant_a):
        application, secret = clients.create(
            name="Payroll", scopes=["identity:read", "quiz:read"], created_by=admin_a
        )
    assert secret.isalnum()
    assert application.pk.isalnum()
    client = client_for(tenant_a)
    token = token_of(client, application, secret, "identity:read")
    assert (token["status"], token["token_type"], token["scope"]) == (
        200,
        "Bearer",
        "identity:read",
    )
    answer = client.get(ME, headers=bearer(token["access_token"]))
    assert answer.status_code == 200
    assert answer.json()["caller"] == {
        "kind": "client",
        "method": "client_credentials",
        "id": application.pk,
        "name": "Payroll",
        "scopes": ["identity:read"],
    }
    assert client.get(PEOPLE, headers=bearer(token["access_token"])).status_code == 200
    whole = token_of(client, application, secret)
    assert whole["scope"].split() == ["identity:read", "quiz:read"]
    # Neither the token nor the secret means anything elsewhere.
    other = client_for(tenant_b)
    assert code(other.get(ME, headers=bearer(token["access_token"]))) == (401, "invalid_token")
    refused = token_of(other, application, secret)
    assert (refused["status"], refused["error"]) == (401, "invalid_client")


def test_what_an_application_cannot_have(
    inside: Any, client_for: Any, tenant_a: Any, admin_a: Any
) -> None:
    with inside(tenant_a):
        application, secret = clients.create(
            name="Payroll", scopes=["quiz:read"], created_by=admin_a
        )
    client = client_for(tenant_a)
    beyond = token_of(client, application, secret, "identity:read")
    assert (beyond["status"], beyond["error"]) == (400, "invalid_scope")
    wrong = token_of(client, application, "0" * 64)
    assert (wrong["status"], wrong["error"]) == (401, "invalid_client")
    for grant in ("password", "authorization_code", "refresh_token"):
        answer = client.post(
            "/identity/o/api/token",
            {
                "grant_type": grant,
                "client_id": application.pk,
                "client_secret": secret,
                "username": admin_a.email,
                "password": "une phrase assez longue 7",
                "code": "x",
                "refresh_token": "x",
            },
        )
        assert answer.status_code in {400, 401}, grant
        assert "access_token" not in answer.json()
    with inside(tenant_a), pytest.raises(IdentityError) as refused:
        clients.create(name="Payroll", scopes=["openid"], created_by=admin_a)
    assert refused.value.code == "unknown_scope"


def test_tokens_of_an_application_stop(
    inside: Any, client_for: Any, tenant_a: Any, admin_a: Any, make_person: Any
) -> None:
    maker = make_person(tenant_a, "karim@mecaformation.example", "admin")
    client = client_for(tenant_a)

    def fresh(secret: str) -> str:
        return str(token_of(client, application, secret)["access_token"])

    def status(token: str) -> int:
        return int(client.get(ME, headers=bearer(token)).status_code)

    with inside(tenant_a):
        application, secret = clients.create(
            name="Payroll", scopes=["identity:read"], created_by=maker
        )
    first = fresh(secret)
    assert status(first) == 200
    with inside(tenant_a):
        secret = clients.rotate(application)
    assert status(first) == 401
    second = fresh(secret)
    with inside(tenant_a):
        services.suspend(maker, "left")
    assert status(second) == 401
    with inside(tenant_a):
        services.resume(maker)
    assert status(second) == 401  # deleted, not only refused
    third = fresh(secret)
    assert status(third) == 200
    with inside(tenant_a):
        clients.revoke(application)
    assert status(third) == 401
    assert token_of(client, application, secret)["error"] == "invalid_client"


def test_a_token_that_speaks_for_a_person_is_no_application(
    inside: Any, client_for: Any, tenant_a: Any, admin_a: Any
) -> None:
    from allauth.idp.oidc.models import Token

    with inside(tenant_a):
        application, _secret = clients.create(
            name="Portal", scopes=["identity:read"], created_by=admin_a
        )
        token = Token(type=Token.Type.ACCESS_TOKEN, client=application, user=admin_a)
        token.set_value("of-a-person")
        token.set_scopes(["identity:read"])
        token.save()
    answer = client_for(tenant_a).get(ME, headers=bearer("of-a-person"))
    assert code(answer) == (401, "invalid_token")


def test_every_refusal_of_the_api_is_a_problem(
    client_for: Any, tenant_a: Any, admin_a: Any
) -> None:
    client = client_for(tenant_a, admin_a)
    assert code(client.get("/api/v1/nothing")) == (404, "not_found")
    assert code(client.post("/api/v1/nothing")) == (404, "not_found")
    refused = client.delete(ME)
    assert code(refused) == (405, "method_not_allowed")
    assert refused["Allow"] == "GET"
    assert code(client.get(PEOPLE, {"limit": "many"})) == (422, "validation_failed")


def test_the_audit_log_names_the_key_as_the_way_in(
    inside: Any, tenant_a: Any, admin_a: Any, make_key: Any, rf: Any
) -> None:
    from tremplin.identity.api_access.authenticators import ApiKeyAuth
    from tremplin.kernel import audit

    _key, secret = make_key(tenant_a, admin_a)
    request = rf.get(ME, headers=bearer(secret), REMOTE_ADDR="192.0.2.3")
    request.tenant = tenant_a
    with inside(tenant_a), audit.actor(None, "anonymous", "192.0.2.3"):
        ApiKeyAuth("identity")(request)
        assert audit.current_actor() == audit.Actor(admin_a.pk, "api_key", "192.0.2.3")
    assert audit.current_actor() == audit.SYSTEM


def test_a_key_costs_three_queries_more_than_nothing(
    client_for: Any, tenant_a: Any, admin_a: Any, make_key: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    _key, secret = make_key(tenant_a, admin_a)
    client = client_for(tenant_a)
    client.get("/api/v1/cohorts", headers=bearer(secret))
    with CaptureQueriesContext(connection) as seen:
        assert client.get("/api/v1/cohorts", headers=bearer(secret)).status_code == 200
    # The settings of the space are kept in memory outside tests.
    tables = [
        re.findall(r'FROM "(\w+)"', query["sql"])[0]
        for query in seen.captured_queries
        if "kernel_state_settingvalue" not in query["sql"]
    ]
    assert tables == ["identity_apikey", "auth_group", "auth_permission", "identity_cohort"]
