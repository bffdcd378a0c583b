"""The API page: what it shows, what it makes, who may, and the documentation of the space."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.people import PASSWORD
from tremplin.identity.api_access import clients, keys
from tremplin.identity.models import ApiKey

pytestmark = pytest.mark.django_db
PAGE = "/console/api/"
ME = "/api/v1/me"


@pytest.fixture(autouse=True)
def _quiz(tenant_a: Any, tenant_b: Any) -> None:
    """Switch the quiz on in both schools."""
    from tremplin.kernel import gate

    for tenant in (tenant_a, tenant_b):
        gate.set_licence(tenant, "quiz", "on", reason="test")
        gate.activate(tenant, "quiz")


def value_of(page: str, testid: str) -> str:
    found = re.search(rf'value="([^"]*)"[^>]*data-testid="{testid}"', page)
    assert found, testid
    return found[1].replace("&quot;", '"')


def shown(client: Any, path: str = PAGE) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_empty_page_teaches(as_admin: Any) -> None:
    page = shown(as_admin)
    assert 'data-testid="api-empty"' in page
    assert 'href="/console/api/keys/new/"' in page


def test_a_key_from_the_form_to_the_first_call(
    as_admin: Any, inside: Any, client_for: Any, tenant_a: Any, admin_a: Any
) -> None:
    answer = as_admin.post(
        "/console/api/keys/new/",
        {
            "name": "moodle-prod",
            "scopes": ["quiz:read", "identity:read"],
            "days": "90",
            "networks": "127.0.0.0/8\n\n2001:db8::/32",
        },
    )
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    page = answer.content.decode()
    secret = value_of(page, "api-secret")
    host = tenant_a.primary_host
    assert value_of(page, "api-command") == (
        f'curl -H "Authorization: Bearer {secret}" http://{host}/api/v1/me'
    )
    with inside(tenant_a):
        key = ApiKey.objects.get()
        assert (key.name, key.created_by, key.scopes, key.networks) == (
            "moodle-prod",
            admin_a,
            ["identity:read", "quiz:read"],
            ["127.0.0.0/8", "2001:db8::/32"],
        )
        assert key.expires_at is not None
        assert (key.expires_at - key.created_at).days in {89, 90}
    called = client_for(tenant_a).get(ME, headers={"Authorization": f"Bearer {secret}"})
    assert called.json()["tenant"]["slug"] == "mecaformation"
    listed = shown(as_admin)
    assert f"trk_{key.prefix}_…" in listed
    assert secret not in listed
    assert secret.rpartition("_")[2] not in listed


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 81},
        {"scopes": []},
        {"scopes": ["platform:write"]},
        {"days": "36500"},
        {"days": "soon"},
        {"networks": "192.0.2.7/24"},
        {"networks": "the office"},
    ],
)
def test_a_bad_form_makes_nothing(
    as_admin: Any, inside: Any, tenant_a: Any, change: dict[str, Any]
) -> None:
    good = {"name": "moodle", "scopes": ["quiz:read"], "days": "90", "networks": ""}
    answer = as_admin.post("/console/api/keys/new/", {**good, **change})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    with inside(tenant_a):
        assert ApiKey.objects.count() == 0


def test_a_form_sets_nothing_but_its_fields(
    as_admin: Any, inside: Any, tenant_a: Any, admin_a: Any, learner_a: Any
) -> None:
    as_admin.post(
        "/console/api/keys/new/",
        {
            "name": "moodle",
            "scopes": ["quiz:read"],
            "days": "30",
            "networks": "",
            "created_by": str(learner_a.pk),
            "created_by_id": str(learner_a.pk),
            "prefix": "aaaaaaaa",
            "secret_hash": "0" * 64,
            "revoked_at": "2020-01-01",
            "expires_at": "2099-01-01",
        },
    )
    with inside(tenant_a):
        key = ApiKey.objects.get()
        assert (key.created_by, key.revoked_at) == (admin_a, None)
        assert key.prefix != "aaaaaaaa"
        assert key.expires_at is not None
        assert (key.expires_at - key.created_at).days in {29, 30}


def test_rotation_and_revocation_of_a_key(
    as_admin: Any, inside: Any, client_for: Any, tenant_a: Any, admin_a: Any, make_key: Any
) -> None:
    key, first = make_key(tenant_a, admin_a)
    client = client_for(tenant_a)

    def works(secret: str) -> bool:
        found = client.get(ME, headers={"Authorization": f"Bearer {secret}"})
        return bool(found.status_code == 200)

    assert as_admin.get(f"/console/api/keys/{key.pk}/rotate/").status_code == 200
    page = as_admin.post(f"/console/api/keys/{key.pk}/rotate/", {"hours": "24"}).content.decode()
    second = value_of(page, "api-secret")
    assert (works(first), works(second)) == (True, True)
    assert as_admin.post(f"/console/api/keys/{key.pk}/rotate/", {"hours": "999"}).status_code == 422
    assert as_admin.get(f"/console/api/keys/{key.pk}/revoke/").status_code == 200
    assert works(second)  # asking is not revoking
    answer = as_admin.post(f"/console/api/keys/{key.pk}/revoke/")
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    assert (works(first), works(second)) == (False, False)
    assert as_admin.post(f"/console/api/keys/{key.pk}/rotate/", {"hours": "0"}).status_code == 422


def test_only_its_maker_gets_a_new_secret(
    inside: Any, client_for: Any, tenant_a: Any, admin_a: Any, make_person: Any, make_key: Any
) -> None:
    other = make_person(tenant_a, "karim@mecaformation.example", "admin")
    key, secret = make_key(tenant_a, admin_a)
    with inside(tenant_a):
        application, _secret = clients.create(
            name="Payroll", scopes=["quiz:read"], created_by=admin_a
        )
    client = client_for(tenant_a, other)
    page = shown(client)
    assert 'data-testid="api-key-rotate"' not in page
    assert 'data-testid="api-key-revoke"' in page
    for path in (f"keys/{key.pk}", f"applications/{application.pk}"):
        assert client.post(f"{PAGE}{path}/rotate/", {"hours": "0"}).status_code == 403
    called = client_for(tenant_a).get(ME, headers={"Authorization": f"Bearer {secret}"})
    assert called.status_code == 200
    assert client.post(f"{PAGE}keys/{key.pk}/revoke/").status_code == 302
    with inside(tenant_a):
        assert keys.authenticate(secret, "127.0.0.1") is None


def test_an_application_from_the_form(
    as_admin: Any, client_for: Any, tenant_a: Any, inside: Any
) -> None:
    from allauth.idp.oidc.models import Client

    answer = as_admin.post(
        "/console/api/applications/new/",
        {
            "name": "Payroll",
            "scopes": ["identity:read"],
            "grant_types": "authorization_code",
            "redirect_uris": "https://evil.example/",
            "skip_consent": "on",
        },
    )
    page = answer.content.decode()
    identifier, secret = value_of(page, "api-client-id"), value_of(page, "api-secret")
    with inside(tenant_a):
        client = Client.objects.get()
        assert (client.pk, client.grant_types, client.redirect_uris, client.skip_consent) == (
            identifier,
            "client_credentials",
            "",
            False,
        )
        assert client.secret != secret
    listed = shown(as_admin)
    assert identifier in listed
    assert secret not in listed
    assert as_admin.get(f"{PAGE}applications/{identifier}/rotate/").status_code == 200
    again = as_admin.post(f"{PAGE}applications/{identifier}/rotate/").content.decode()
    assert value_of(again, "api-secret") != secret
    assert as_admin.post(f"{PAGE}applications/{identifier}/revoke/").status_code == 302
    with inside(tenant_a):
        assert Client.objects.count() == 0


def test_others_do_not_see_the_page(
    client_for: Any,
    tenant_a: Any,
    tenant_b: Any,
    admin_a: Any,
    admin_b: Any,
    learner_a: Any,
    make_key: Any,
    inside: Any,
) -> None:
    key, _secret = make_key(tenant_a, admin_a)
    with inside(tenant_a):
        application, _secret = clients.create(
            name="Payroll", scopes=["quiz:read"], created_by=admin_a
        )
    learner, stranger = client_for(tenant_a, learner_a), client_for(tenant_b, admin_b)
    assert learner.get(PAGE).status_code == 403
    for path in (f"keys/{key.pk}", f"applications/{application.pk}"):
        for verb in ("rotate", "revoke"):
            assert learner.post(f"{PAGE}{path}/{verb}/").status_code == 403
            assert stranger.post(f"{PAGE}{path}/{verb}/").status_code == 404
    with inside(tenant_a):
        assert ApiKey.objects.filter(revoked_at=None).count() == 1


def test_a_scope_of_a_module_that_is_off_is_not_offered(
    client_for: Any, tenant_a: Any, admin_a: Any
) -> None:
    from tremplin.kernel import gate

    client = client_for(tenant_a, admin_a)
    assert 'value="quiz:read"' in shown(client, "/console/api/keys/new/")
    gate.set_licence(tenant_a, "quiz", "off", reason="test")
    assert 'value="quiz:read"' not in shown(client, "/console/api/keys/new/")


def test_the_documentation_shows_the_modules_that_are_on(
    client_for: Any, tenant_a: Any, admin_a: Any, learner_a: Any
) -> None:
    from tremplin.kernel import gate

    learner = client_for(tenant_a, learner_a)
    page = shown(learner, "/api/v1/docs")
    paths = re.findall(r"<code[^>]*>(/api/v1/[^<]*)</code>", page)
    assert paths == [
        "/api/v1/billing/purchases",
        "/api/v1/billing/purchases/{order}",
        "/api/v1/billing/subscriptions",
        "/api/v1/billing/subscriptions/{subscription}/change",
        "/api/v1/billing/subscriptions/{subscription}/cancel",
        "/api/v1/billing/invoices",
        "/api/v1/billing/usage",
        "/api/v1/me",
        "/api/v1/people",
        "/api/v1/cohorts",
        "/api/v1/quiz/quizzes",
        "/api/v1/quiz/attempts",
        "/api/v1/quiz/attempts/{attempt}",
        "/api/v1/quiz/quizzes/{quiz}/results",
    ]
    assert "<script>" not in page
    assert not re.search(r'(src|href)="https?://(?!mecaformation)', page)
    found = shown(learner, "/api/v1/docs?q=QUIZ%3Aread+closed")
    assert re.findall(r"<code[^>]*>(/api/v1/[^<]*)</code>", found) == [
        "/api/v1/quiz/quizzes/{quiz}/results"
    ]
    assert 'data-testid="api-operation"' not in shown(
        learner, "/api/v1/docs?q=nothing+of+that+name"
    )
    gate.set_licence(tenant_a, "quiz", "off", reason="test")
    assert "/api/v1/quiz" not in shown(learner, "/api/v1/docs")
    assert client_for(tenant_a).get("/api/v1/docs").status_code == 302


def test_the_openapi_document_is_of_this_space(
    client_for: Any, tenant_a: Any, tenant_b: Any, admin_a: Any, admin_b: Any, make_key: Any
) -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    from tremplin.kernel import gate

    _key, secret = make_key(tenant_a, admin_a, "quiz:read")
    answer = client_for(tenant_a).get(
        "/api/v1/openapi.json", headers={"Authorization": f"Bearer {secret}"}
    )
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    document = answer.json()
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "MécaFormation Lyon API"
    assert document["servers"] == [{"url": f"http://{tenant_a.primary_host}"}]
    assert list(document["components"]["securitySchemes"]) == [
        "SessionAuth",
        "AccessToken",
        "ClientCredentials",
        "ApiKeyAuth",
    ]
    flow = document["components"]["securitySchemes"]["ClientCredentials"]["flows"]
    assert list(flow["clientCredentials"]["scopes"]) == [
        "billing:read", "billing:write", "identity:read", "quiz:read",
    ]  # fmt: skip
    quizzes = document["paths"]["/api/v1/quiz/quizzes"]["get"]
    assert (quizzes["x-scope"], quizzes["x-permission"]) == ("quiz:read", "quiz.take")
    assert quizzes["security"] == [
        {"SessionAuth": []},
        {"AccessToken": []},
        {"ClientCredentials": ["quiz:read"]},
        {"ApiKeyAuth": []},
    ]
    assert "429" in quizzes["responses"]
    gate.set_licence(tenant_b, "quiz", "off", reason="test")
    other = client_for(tenant_b, admin_b).get("/api/v1/openapi.json").json()
    assert sorted(path for path in other["paths"] if "/billing/" not in path) == [
        "/api/v1/cohorts",
        "/api/v1/me",
        "/api/v1/people",
    ]
    assert "QuizOut" not in other["components"]["schemas"]
    assert list(OpenAPIV31SpecValidator(other).iter_errors()) == []
    assert client_for(tenant_a).get("/api/v1/openapi.json").status_code == 401


def test_the_pages_speak_french(client_for: Any, tenant_a: Any, make_person: Any) -> None:
    claire = make_person(
        tenant_a, "claire@mecaformation.example", "admin", locale="fr", password=PASSWORD
    )
    client = client_for(tenant_a, claire)
    assert "Aucun programme ne peut encore appeler cet espace" in shown(client)
    assert "Signer un appel" in shown(client, "/api/v1/docs")
