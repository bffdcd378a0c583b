"""The operator's space signs people in for the others, and only for them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.core.sso.oidc.conftest import parameters

pytestmark = pytest.mark.django_db
CALLBACK = "/accounts/oidc/platform/login/callback/"
AUTHORIZE = "/identity/o/authorize"


def ask(**changes: str) -> str:
    values = {
        "client_id": "platform",
        "response_type": "code",
        "scope": "openid profile email",
        "redirect_uri": f"http://mecaformation.localhost{CALLBACK}",
        "state": "state-of-the-space",
        "nonce": "nonce-of-the-space",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
        **changes,
    }
    return f"{AUTHORIZE}?{urlencode(values)}"


@pytest.fixture
def member(hq: Any, make_person: Any) -> Any:
    return make_person(hq, "zoe@example.org", "member", first_name="Zoé", last_name="Petit")


def test_discovery_names_the_configured_address(hq: Any, client_for: Any) -> None:
    document = client_for(hq).get("/.well-known/openid-configuration").json()
    home = f"http://{hq.primary_host}"
    assert document == {
        "issuer": home,
        "authorization_endpoint": f"{home}/identity/o/authorize",
        "token_endpoint": f"{home}/identity/o/api/token",
        "userinfo_endpoint": f"{home}/identity/o/api/userinfo",
        "jwks_uri": f"{home}/.well-known/jwks.json",
        "revocation_endpoint": f"{home}/identity/o/api/revoke",
        "end_session_endpoint": f"{home}/identity/o/logout",
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "none",
        ],
        "subject_types_supported": ["public"],
        "scopes_supported": ["openid", "profile", "email"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "response_types_supported": ["code"],
    }


def test_other_spaces_only_announce_tokens_for_applications(tenant_a: Any, client_for: Any) -> None:
    client = client_for(tenant_a)
    document = client.get("/.well-known/openid-configuration").json()
    home = f"http://{tenant_a.primary_host}"
    assert document["issuer"] == home
    assert document["grant_types_supported"] == ["client_credentials"]
    assert document["response_types_supported"] == []
    assert document["token_endpoint"] == f"{home}/identity/o/api/token"
    for name in ("authorization_endpoint", "userinfo_endpoint", "device_authorization_endpoint"):
        assert name not in document
    assert client.get("/.well-known/jwks.json").json() == {"keys": []}


def test_only_the_operators_space_has_a_key(hq: Any, tenant_a: Any, client_for: Any) -> None:
    keys = client_for(hq).get("/.well-known/jwks.json").json()["keys"]
    assert [(key["kty"], key["e"], len(key["n"])) for key in keys] == [("RSA", "AQAB", 342)]


@pytest.mark.parametrize(
    "path", [AUTHORIZE, "/identity/o/logout", "/identity/o/device", "/identity/o/api/device/code"]
)
def test_other_spaces_sign_nobody_in(
    path: str, tenant_a: Any, admin_a: Any, client_for: Any
) -> None:
    client = client_for(tenant_a, admin_a)
    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 404


def test_codes_for_other_devices_are_not_offered(hq: Any, member: Any, client_for: Any) -> None:
    client = client_for(hq, member)
    assert client.get("/identity/o/device").status_code == 404
    assert client.post("/identity/o/api/device/code").status_code == 404


def test_clients_cannot_register_themselves(hq: Any, client_for: Any) -> None:
    assert client_for(hq).post("/identity/o/api/clients", {}).status_code == 404


def test_no_page_asks_for_consent(hq: Any, member: Any, client_for: Any) -> None:
    answer = client_for(hq, member).get(ask())
    assert answer.status_code == 302
    target = answer.headers["Location"]
    assert target.startswith(f"http://mecaformation.localhost{CALLBACK}?")
    assert parameters(target)["state"] == "state-of-the-space"
    assert len(parameters(target)["code"]) == 30


def test_an_anonymous_person_signs_in_first_and_comes_back(hq: Any, client_for: Any) -> None:
    client = client_for(hq)
    answer = client.get(ask())
    assert answer.status_code == 302
    target = urlsplit(answer.headers["Location"])
    assert target.path == "/accounts/login/"
    back = parameters(answer.headers["Location"])["next"]
    assert back == ask().replace(AUTHORIZE, "/accounts/sso/continue/")
    page = client.get(back)
    assert page.status_code == 200
    found = re.search(r'content="0; url=([^"]+)"', page.content.decode())
    assert found
    assert found[1].replace("&amp;", "&") == ask()


@pytest.mark.parametrize(
    "uri",
    [
        f"http://evil.example{CALLBACK}",
        f"https://mecaformation.localhost{CALLBACK}",
        f"http://mecaformation.localhost:81{CALLBACK}",
        "http://mecaformation.localhost/accounts/oidc/other/login/callback/",
        f"http://a.mecaformation.localhost{CALLBACK}",
        f"http://localhost.evil.example{CALLBACK}",
        f"http://evil.example/x.localhost{CALLBACK}",
        f"http://mecaformation.localhost@evil.example{CALLBACK}",
        f"http://evil.example#.localhost{CALLBACK}",
        "//evil.example/",
        "",
    ],
)
def test_no_other_origin_receives_a_code(
    uri: str, hq: Any, member: Any, client_for: Any, inside: Any
) -> None:
    from allauth.idp.oidc.models import Token

    answer = client_for(hq, member).get(ask(redirect_uri=uri))
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert 'data-testid="provider-error"' in answer.content.decode()
    with inside(hq):
        assert Token.objects.count() == 0


def test_an_own_domain_works_from_its_proof_to_its_end(
    hq: Any, tenant_a: Any, member: Any, client_for: Any
) -> None:
    from django.utils import timezone

    from tenants import domains, registry
    from tenants.context import public, public_write
    from tenants.models import Domain

    client = client_for(hq, member)
    uri = f"http://campus.mecaformation.example{CALLBACK}"
    assert client.get(ask(redirect_uri=uri)).status_code == 200
    domain = domains.add(tenant_a, "campus.mecaformation.example")
    registry._advance()
    assert client.get(ask(redirect_uri=uri)).status_code == 200
    with public(), public_write("test"):
        Domain.objects.filter(pk=domain.pk).update(verified_at=timezone.now())
    registry._advance()
    answer = client.get(ask(redirect_uri=uri))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"{uri}?")
    domains.remove(domain)
    registry._advance()
    assert client.get(ask(redirect_uri=uri)).status_code == 200


def test_the_client_follows_the_port_of_a_demonstration(
    hq: Any, inside: Any, settings: Any
) -> None:
    from tremplin.sso.oidc import platform

    with inside(hq):
        client = platform.ensure_client()
        assert client.get_redirect_uris() == [f"http://*.localhost{CALLBACK}"]
        assert client.check_secret(platform.client_secret())
        settings.PUBLIC_PORT = 8123
        assert platform.ensure_client().get_redirect_uris() == [
            f"http://*.localhost:8123{CALLBACK}"
        ]
        settings.PUBLIC_SCHEME, settings.PUBLIC_PORT = "https", 443
        settings.SPACES_DOMAIN, settings.SECRET_KEY = "tremplin.example", "another key"
        client = platform.ensure_client()
        assert client.get_redirect_uris()[0] == f"https://*.tremplin.example{CALLBACK}"
        assert client.check_secret(platform.client_secret())


def test_identifiers_and_secrets_are_letters_and_digits() -> None:
    from allauth.idp.oidc.adapter import get_adapter

    from tremplin.sso.oidc import platform

    adapter = get_adapter()
    for value, length in (
        (adapter.generate_client_id(), 32),
        (adapter.generate_client_secret(), 64),
        (platform.client_secret(), 64),
    ):
        assert re.fullmatch(rf"[0-9a-f]{{{length}}}", value)


def test_every_space_but_the_operators_trusts_the_platform(
    hq: Any, space: Any, inside: Any
) -> None:
    from allauth.socialaccount.models import SocialApp

    from tremplin.sso.models import Connection

    for slug in ("mecaformation", "lycee", "volteo", "passerelle"):
        with inside(space(slug)):
            connection = Connection.objects.get(slug="platform")
            assert (connection.kind, connection.is_active) == ("platform", True)
            app = SocialApp.objects.get(pk=connection.app_id)
            assert (app.client_id, app.secret, app.key) == ("platform", "", "")
    with inside(hq):
        assert Connection.objects.count() == 0


def test_a_space_that_switched_it_off_stays_so(tenant_a: Any, inside: Any, client_for: Any) -> None:
    from tremplin.sso import services
    from tremplin.sso.models import Connection
    from tremplin.sso.oidc import platform

    client = client_for(tenant_a)
    assert 'data-testid="login-sso-platform"' in client.get("/accounts/login/").content.decode()
    with inside(tenant_a):
        services.set_active(Connection.objects.get(slug="platform"), False)
        platform.sync()
        assert Connection.objects.get(slug="platform").is_active is False
    assert "login-sso-platform" not in client.get("/accounts/login/").content.decode()
    assert client.get("/accounts/sso/start/").status_code == 404
    assert client.post("/accounts/oidc/platform/login/").status_code == 404


def test_without_a_key_nobody_is_sent_to_the_platform(
    tenant_a: Any, hq: Any, member: Any, client_for: Any, settings: Any
) -> None:
    settings.IDP_OIDC_PRIVATE_KEY = ""
    client = client_for(tenant_a)
    assert "login-sso-platform" not in client.get("/accounts/login/").content.decode()
    assert client.get("/accounts/sso/start/").status_code == 404
    assert client_for(hq, member).get(ask()).status_code == 404


def test_my_spaces_exist_on_the_operators_space_only(
    hq: Any, tenant_a: Any, tenant_b: Any, member: Any, admin_a: Any, client_for: Any
) -> None:
    from tremplin.identity import memberships

    assert client_for(tenant_a, admin_a).get("/app/spaces/").status_code == 404
    client = client_for(hq, member)
    assert 'data-testid="my-spaces-none"' in client.get("/app/spaces/").content.decode()
    assert memberships.record(member.pk, tenant_a, "learner") is True
    assert memberships.record(str(member.pk), tenant_b, "trainer") is True
    page = client.get("/app/spaces/").content.decode()
    assert page.count('data-testid="space-row"') == 2
    for tenant in (tenant_a, tenant_b):
        assert f'href="http://{tenant.primary_host}/accounts/sso/start/"' in page


def test_the_index_is_written_in_the_operators_space_only(
    hq: Any, tenant_a: Any, member: Any, make_person: Any, inside: Any
) -> None:
    from allauth.socialaccount.models import SocialAccount

    from tremplin.identity import memberships
    from tremplin.identity.models import TenantMembership
    from tremplin.sso import accounts

    person = make_person(tenant_a, "zoe@ecole.example", "trainer")
    with inside(tenant_a):
        account = SocialAccount.objects.create(user=person, provider="platform", uid=str(member.pk))
        accounts.note_linked(account)
        assert TenantMembership.objects.count() == 0
    with inside(hq):
        row = TenantMembership.objects.get()
        assert (row.account_id, row.tenant_uuid, row.role_hint) == (
            member.pk,
            tenant_a.uuid,
            "trainer",
        )
    assert memberships.exists(member.pk, tenant_a) is True
    with inside(tenant_a):
        accounts.unlink(account)
    assert memberships.exists(member.pk, tenant_a) is False


def test_an_unknown_account_is_not_recorded(hq: Any, tenant_a: Any, member: Any) -> None:
    from tremplin.identity import memberships

    assert memberships.record("not-a-uuid", tenant_a) is False
    assert memberships.record("0b0b0b0b-0000-4000-8000-00000000beef", tenant_a) is False
    assert memberships.record(member.pk, hq) is False


def test_expired_and_suspended_people_are_nobody_to_a_token(
    hq: Any, member: Any, inside: Any
) -> None:
    from allauth.idp.oidc.adapter import get_adapter
    from django.utils import timezone

    from tremplin.identity.models import User

    with inside(hq):
        adapter = get_adapter()
        assert adapter.get_user_by_sub(None, str(member.pk)) == member
        User.objects.filter(pk=member.pk).update(expires_at=timezone.now())
        assert adapter.get_user_by_sub(None, str(member.pk)) is None
        User.objects.filter(pk=member.pk).update(expires_at=None, is_active=False)
        assert adapter.get_user_by_sub(None, str(member.pk)) is None
        assert adapter.get_user_by_sub(None, "nonsense") is None


def test_the_nightly_cleaning_deletes_expired_tokens_of_the_space(
    hq: Any, tenant_a: Any, inside: Any
) -> None:
    from datetime import timedelta

    from allauth.idp.oidc.models import Token
    from django.utils import timezone

    from tremplin.sso.tasks import clear_tokens

    now = timezone.now()
    for tenant in (hq, tenant_a):
        with inside(tenant):
            for name, delta in (("old", -1), ("new", 60)):
                Token.objects.create(
                    type=Token.Type.ACCESS_TOKEN,
                    hash=name,
                    expires_at=now + timedelta(seconds=delta),
                )
    with inside(tenant_a):
        clear_tokens.run()
        assert list(Token.objects.values_list("hash", flat=True)) == ["new"]
    with inside(hq):
        assert Token.objects.count() == 2


@pytest.mark.parametrize(
    ("pem", "expected"),
    [
        ("", ["sso.W001"]),
        ("not a key", ["sso.E001"]),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", ["sso.E001"]),
        (None, []),
    ],
)
def test_the_key_is_checked_at_start(pem: str | None, expected: list[str], settings: Any) -> None:
    from tremplin.sso.checks import signing_key

    if pem is not None:
        settings.IDP_OIDC_PRIVATE_KEY = pem
    assert [message.id for message in signing_key(None)] == expected


def test_the_key_is_made_once_and_kept_to_its_owner(tmp_path: Any) -> None:
    from tremplin.config.env import kept_secret, new_rsa_key

    first = kept_secret(tmp_path, "oidc-key.pem", new_rsa_key)
    assert first.startswith("-----BEGIN PRIVATE KEY-----")
    assert kept_secret(tmp_path, "oidc-key.pem", new_rsa_key) == first
    assert (tmp_path / "secrets" / "oidc-key.pem").stat().st_mode & 0o777 == 0o600
