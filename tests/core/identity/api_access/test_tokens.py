"""Sign-in of an app, its short access token, its refresh token that works once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.conf import settings as django_settings

from tests.support.people import PASSWORD
from tremplin.identity import services
from tremplin.kernel.models import AuditEvent

pytestmark = pytest.mark.django_db
ME = "/api/v1/me"
AUTH = "/_allauth/app/v1/auth"
REFRESH = "/_allauth/app/v1/tokens/refresh"


def post(client: Any, path: str, body: dict[str, Any], **headers: str) -> tuple[int, Any]:
    answer = client.post(path, json.dumps(body), content_type="application/json", headers=headers)
    assert answer["Content-Type"] == "application/json"
    return answer.status_code, answer.json()


def status(client: Any, token: str) -> int:
    return int(client.get(ME, headers={"Authorization": f"Bearer {token}"}).status_code)


@pytest.fixture
def sign_in(client_for: Any) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """Return ``sign_in(tenant, email)``: a client without cookies and the tokens of an app."""

    def enter(tenant: Any, email: str) -> tuple[Any, dict[str, Any]]:
        client = client_for(tenant)
        answered, body = post(client, f"{AUTH}/login", {"email": email, "password": PASSWORD})
        assert answered == 200, body
        assert body["meta"]["is_authenticated"] is True
        client.cookies.clear()
        return client, body["meta"]

    return enter


def refresh(client: Any, token: str) -> tuple[int, Any]:
    answered, body = post(client, REFRESH, {"refresh_token": token})
    return answered, body.get("data")


def test_an_app_signs_in_calls_and_refreshes(sign_in: Any, tenant_a: Any, learner_a: Any) -> None:
    client, meta = sign_in(tenant_a, learner_a.email)
    assert (meta["expires_in"], meta["refresh_expires_in"]) == (300, 86_400)
    assert set(meta) == {
        "is_authenticated",
        "session_token",
        "access_token",
        "refresh_token",
        "expires_in",
        "refresh_expires_in",
    }
    body = client.get(ME, headers={"Authorization": f"Bearer {meta['access_token']}"}).json()
    assert body["email"] == learner_a.email
    assert body["caller"] == {
        "kind": "person",
        "method": "access_token",
        "id": str(learner_a.pk),
        "name": "Lina Moreau",
        "scopes": None,
    }
    answered, data = refresh(client, meta["refresh_token"])
    assert answered == 200
    assert set(data) == {"access_token", "refresh_token"}
    assert data["refresh_token"] != meta["refresh_token"]
    assert status(client, data["access_token"]) == 200
    # The claims: who, in which session (encrypted), in which space (for logs).
    claims = jwt.decode(meta["access_token"], options={"verify_signature": False})
    assert set(claims) == {"tnt", "iat", "exp", "sid", "jti", "token_use", "sub"}
    assert (claims["tnt"], claims["sub"]) == (str(tenant_a.uuid), str(learner_a.pk))
    assert claims["exp"] - claims["iat"] == 300
    assert meta["session_token"] not in base64.b64decode(claims["sid"]).decode("latin-1")


def test_a_wrong_password_says_so_in_json(client_for: Any, tenant_a: Any, learner_a: Any) -> None:
    answered, body = post(
        client_for(tenant_a), f"{AUTH}/login", {"email": learner_a.email, "password": "wrong one"}
    )
    assert answered == 400
    assert [(error["code"], error["param"]) for error in body["errors"]] == [
        ("email_password_mismatch", "password")
    ]


def test_the_second_factor_in_an_app(
    inside: Any, client_for: Any, tenant_a: Any, admin_a: Any
) -> None:
    from allauth.mfa.totp.internal import auth as totp

    from tremplin.identity import mfa

    secret = totp.generate_totp_secret()
    with inside(tenant_a):
        mfa.enrol_totp(admin_a, secret)
    client = client_for(tenant_a)
    answered, body = post(client, f"{AUTH}/login", {"email": admin_a.email, "password": PASSWORD})
    assert answered == 401
    assert "access_token" not in body["meta"]
    pending = [flow for flow in body["data"]["flows"] if flow.get("is_pending")]
    assert [(flow["id"], flow["types"]) for flow in pending] == [("mfa_authenticate", ["totp"])]
    token = body["meta"]["session_token"]
    answered, body = post(
        client, f"{AUTH}/2fa/authenticate", {"code": "000000"}, **{"X-Session-Token": token}
    )
    assert (answered, body["errors"][0]["code"]) == (400, "incorrect_code")
    code = f"{totp.hotp_value(secret, int(time.time()) // 30):06d}"
    answered, body = post(
        client, f"{AUTH}/2fa/authenticate", {"code": code}, **{"X-Session-Token": token}
    )
    assert answered == 200
    client.cookies.clear()
    assert status(client, body["meta"]["access_token"]) == 200


def test_a_required_second_factor_closes_the_api(
    sign_in: Any, tenant_a: Any, admin_a: Any, policy: Any
) -> None:
    policy(tenant_a, mfa_roles=("admin",))
    client, meta = sign_in(tenant_a, admin_a.email)
    answer = client.get(ME, headers={"Authorization": f"Bearer {meta['access_token']}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "mfa_required")


def test_a_required_second_factor_closes_the_account_to_an_app(
    sign_in: Any, tenant_a: Any, admin_a: Any, policy: Any, inside: Any
) -> None:
    """Except for what sets the factor up; the session travels in a header, not in a cookie."""
    from allauth.account.models import EmailAddress

    client, meta = sign_in(tenant_a, admin_a.email)
    headers = {"X-Session-Token": meta["session_token"]}
    account = "/_allauth/app/v1/account"
    assert client.get(f"{account}/email", headers=headers).status_code == 200
    policy(tenant_a, mfa_roles=("admin",))
    for answer in (
        client.get(f"{account}/email", headers=headers),
        client.post(
            f"{account}/email",
            {"email": "other@x.example"},
            content_type="application/json",
            headers=headers,
        ),
        client.get(f"{account}/providers", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "mfa_required")
    with inside(tenant_a):
        assert not EmailAddress.objects.filter(email="other@x.example").exists()
    assert client.get(f"{account}/authenticators", headers=headers).status_code == 200
    assert client.delete(f"{AUTH}/session", headers=headers).status_code == 401


def test_a_used_refresh_token_ends_the_family(
    inside: Any, sign_in: Any, tenant_a: Any, learner_a: Any
) -> None:
    client, meta = sign_in(tenant_a, learner_a.email)
    other_client, other = sign_in(tenant_a, learner_a.email)
    _answered, first = refresh(client, meta["refresh_token"])
    _answered, second = refresh(client, first["refresh_token"])
    assert status(client, second["access_token"]) == 200
    assert refresh(client, meta["refresh_token"])[0] == 400
    dead = [
        status(client, token)
        for token in (meta["access_token"], first["access_token"], second["access_token"])
    ]
    assert dead == [401, 401, 401]
    assert refresh(client, second["refresh_token"])[0] == 400
    # Another device of the same person is another family.
    assert status(other_client, other["access_token"]) == 200
    with inside(tenant_a):
        events = AuditEvent.objects.filter(kind="security.token_reused")
        assert [event.target for event in events] == [f"person:{learner_a.pk}"]


def test_a_refresh_token_is_no_access_token_nor_the_reverse(
    sign_in: Any, tenant_a: Any, learner_a: Any
) -> None:
    client, meta = sign_in(tenant_a, learner_a.email)
    assert status(client, meta["refresh_token"]) == 401
    assert refresh(client, meta["access_token"])[0] == 400
    assert status(client, meta["access_token"]) == 200


def test_tokens_mean_nothing_in_another_space(
    sign_in: Any, client_for: Any, tenant_a: Any, tenant_b: Any, admin_a: Any, admin_b: Any
) -> None:
    for home, away in ((tenant_a, tenant_b), (tenant_b, tenant_a)):
        client, meta = sign_in(home, "nadia@mecaformation.example")
        other = client_for(away)
        assert status(other, meta["access_token"]) == 401
        assert refresh(other, meta["refresh_token"])[0] == 400
        answer = other.get(f"{AUTH}/session", headers={"X-Session-Token": meta["session_token"]})
        assert answer.status_code == 410
        assert status(client, meta["access_token"]) == 200  # and the attempt ended nothing
        assert refresh(client, meta["refresh_token"])[0] == 200


def test_the_session_inside_a_token_is_encrypted_for_one_space(
    inside: Any, tenant_a: Any, tenant_b: Any
) -> None:
    from allauth.headless.tokens.strategies.jwt import internal

    with inside(tenant_a):
        sid = internal.session_key_to_sid("a" * 32)
        assert internal.session_key_from_sid(sid) == "a" * 32
    with inside(tenant_b):
        assert internal.session_key_from_sid(sid) != "a" * 32


def _forged(payload: dict[str, Any], kind: str, key: str) -> str:
    if kind == "none":
        return jwt.encode(payload, "", algorithm="none")
    if kind == "HS512":
        return jwt.encode(payload, key, algorithm="HS512")
    return jwt.encode(payload, key, algorithm="HS256")


@pytest.mark.parametrize("kind", ["none", "HS512", "secret_key", "static", "other", "tampered"])
def test_a_forged_token_is_refused(
    inside: Any, sign_in: Any, tenant_a: Any, learner_a: Any, admin_a: Any, kind: str
) -> None:
    from allauth.headless import app_settings

    client, meta = sign_in(tenant_a, learner_a.email)
    payload = jwt.decode(meta["access_token"], options={"verify_signature": False})
    with inside(tenant_a):
        right = app_settings.JWT_PRIVATE_KEY
    if kind == "tampered":
        head, _body, signature = meta["access_token"].split(".")
        body = base64.urlsafe_b64encode(
            json.dumps({**payload, "sub": str(admin_a.pk)}).encode()
        ).decode()
        token = f"{head}.{body.rstrip('=')}.{signature}"
    else:
        key = {
            "secret_key": django_settings.SECRET_KEY,
            "static": hmac.new(
                django_settings.SECRET_KEY.encode(), b"jwt:public", hashlib.sha256
            ).hexdigest(),
            "other": "x" * 64,
        }.get(kind, right)
        token = _forged(payload, kind, key)
    assert status(client, token) == 401
    # Signed with the right key but for somebody else: the session says who it is.
    assert status(client, _forged({**payload, "sub": str(admin_a.pk)}, "right", right)) == 401
    assert status(client, _forged(payload, "right", right)) == 200


def test_an_expired_token_is_refused(
    sign_in: Any, inside: Any, tenant_a: Any, learner_a: Any
) -> None:
    from allauth.headless import app_settings

    client, meta = sign_in(tenant_a, learner_a.email)
    payload = jwt.decode(meta["access_token"], options={"verify_signature": False})
    with inside(tenant_a):
        right = app_settings.JWT_PRIVATE_KEY
    past = {**payload, "iat": payload["iat"] - 301, "exp": int(time.time()) - 1}
    assert status(client, _forged(past, "right", right)) == 401


def test_tokens_die_with_the_session(
    inside: Any, sign_in: Any, client_for: Any, tenant_a: Any, make_person: Any
) -> None:
    """Sign out, revoked device, sign-out everywhere, new password, suspension, expiry."""
    from allauth.usersessions.models import UserSession
    from django.utils import timezone

    person = make_person(tenant_a, "sam@mecaformation.example")

    def alive() -> tuple[Any, dict[str, Any]]:
        client, meta = sign_in(tenant_a, person.email)
        assert status(client, meta["access_token"]) == 200
        return client, meta

    def is_dead(client: Any, meta: dict[str, Any]) -> bool:
        return (
            status(client, meta["access_token"]) == 401
            and refresh(client, meta["refresh_token"])[0] == 400
        )

    client, meta = alive()
    answer = client.delete(f"{AUTH}/session", headers={"X-Session-Token": meta["session_token"]})
    assert answer.status_code == 401  # what the library answers to someone who is now nobody
    assert is_dead(client, meta)

    client, meta = alive()
    with inside(tenant_a):
        UserSession.objects.get(session_key=meta["session_token"]).end()
    assert is_dead(client, meta)

    client, meta = alive()
    with inside(tenant_a):
        services.revoke_sessions(person)
    assert is_dead(client, meta)

    client, meta = alive()
    with inside(tenant_a):
        person.refresh_from_db()
        person.set_password(PASSWORD)  # the same words: still a new password
        person.save()
    assert is_dead(client, meta)

    client, meta = alive()
    with inside(tenant_a):
        person.refresh_from_db()
        services.suspend(person, "left")
    assert is_dead(client, meta)

    with inside(tenant_a):
        services.resume(person)
    client, meta = alive()
    with inside(tenant_a):
        person.refresh_from_db()
        person.expires_at = timezone.now()
        person.save()
    assert is_dead(client, meta)


def test_oauth_tokens_end_with_the_sessions(
    inside: Any, tenant_a: Any, learner_a: Any, admin_a: Any
) -> None:
    from allauth.idp.oidc.models import Client, Token

    from tremplin.identity.api_access.revocation import revoke_tokens

    with inside(tenant_a):
        client = Client.objects.create(name="Portal", owner=admin_a)
        for number, person in enumerate((learner_a, admin_a, None)):
            token = Token(type=Token.Type.ACCESS_TOKEN, client=client, user=person)
            token.set_value(f"value-{number}")
            token.save()
        assert revoke_tokens(learner_a) == 1
        assert Token.objects.count() == 2
        services.end_sessions(admin_a)
        assert Token.objects.count() == 0


def test_expired_tokens_are_forgotten_but_for_the_last_of_an_application(
    inside: Any, tenant_a: Any, admin_a: Any
) -> None:
    from datetime import timedelta

    from allauth.idp.oidc.models import Client, Token
    from django.utils import timezone

    from tremplin.identity import tasks

    now = timezone.now()
    with inside(tenant_a):
        client = Client.objects.create(name="Payroll", owner=admin_a)
        for number, (person, hours) in enumerate(
            [(None, -30), (None, -2), (admin_a, -1), (admin_a, 1)]
        ):
            token = Token(type=Token.Type.ACCESS_TOKEN, client=client, user=person)
            token.set_value(f"value-{number}")
            token.expires_at = now + timedelta(hours=hours)
            token.save()
        tasks.forget_tokens()
        left = Token.objects.order_by("pk").values_list("user", "expires_at")
        assert list(left) == [
            (None, now - timedelta(hours=2)),
            (admin_a.pk, now + timedelta(hours=1)),
        ]


def test_used_refresh_tokens_do_not_pile_up_in_the_session(
    inside: Any, sign_in: Any, tenant_a: Any, learner_a: Any
) -> None:
    from allauth.headless.internal.sessionkit import lookup_session

    client, meta = sign_in(tenant_a, learner_a.email)
    with inside(tenant_a):
        session = lookup_session(meta["session_token"])
        assert session is not None
        session["headless_refresh_tokens"]["old"] = int(time.time()) - 1
        session.save()
    refresh(client, meta["refresh_token"])
    with inside(tenant_a):
        session = lookup_session(meta["session_token"])
        assert session is not None
        assert len(session["headless_refresh_tokens"]) == 1
        assert "old" not in session["headless_refresh_tokens"]


@pytest.mark.parametrize("value", ["", "x", "a.b.c", None, 5, ["x"], {"a": 1}, "é" * 9000])
def test_a_bad_refresh_request_is_told_so(client_for: Any, tenant_a: Any, value: Any) -> None:
    answered, body = post(client_for(tenant_a), REFRESH, {"refresh_token": value})
    assert (answered, body["status"]) == (400, 400)


def test_a_session_needs_the_csrf_token_to_change_anything(
    client_for: Any, tenant_a: Any, admin_a: Any, make_key: Any, rf: Any, inside: Any
) -> None:
    """No core operation changes anything yet: the authenticators are asked themselves."""
    from ninja.errors import HttpError

    from tremplin.identity.api_access.authenticators import ApiKeyAuth
    from tremplin.identity.people_service import person_ref
    from tremplin.kernel import audit, context
    from tremplin.kernel.api_auth import SessionAuth
    from tremplin.kernel.problems import problem_of

    _key, secret = make_key(tenant_a, admin_a)
    with inside(tenant_a), audit.actor(None, "anonymous"):
        request = rf.post(ME, "{}", content_type="application/json")
        request.tenant = tenant_a
        request.ctx = context.build(tenant_a, person_ref(admin_a), frozenset)
        with pytest.raises(HttpError) as refused:
            SessionAuth("identity")(request)
        problem = problem_of(refused.value)
        assert (problem.status, problem.code) == (403, "csrf_failed")
        request.META["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
        del request.headers
        assert SessionAuth("identity")(request) is None
        principal = ApiKeyAuth("identity")(request)
        assert principal is not None
        assert principal.kind == "key"


def test_a_closed_method_is_closed_to_apps_too(
    client_for: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    from tremplin.identity import sign_in_rules

    def rule(email: str, method: sign_in_rules.Method) -> sign_in_rules.Refusal | None:
        if (email, method) != (learner_a.email, "password"):
            return None
        return sign_in_rules.Refusal("Use the account of your school.", "/accounts/saml/x/")

    sign_in_rules.register_rule(rule)
    try:
        answered, body = post(
            client_for(tenant_a), f"{AUTH}/login", {"email": learner_a.email, "password": PASSWORD}
        )
    finally:
        sign_in_rules.forget_rule(rule)
    assert (answered, body) == (
        403,
        {
            "status": 403,
            "errors": [
                {
                    "code": "method_closed",
                    "message": "Use the account of your school.",
                    "url": "/accounts/saml/x/",
                }
            ],
        },
    )


def test_sign_up_by_an_app_follows_the_rules_of_the_space(
    client_for: Any, tenant_a: Any, inside: Any, policy: Any
) -> None:
    from tremplin.identity.models import User

    client = client_for(tenant_a)

    def sign_up(email: str, **more: Any) -> tuple[int, Any]:
        body = {"email": email, "password": PASSWORD, "first_name": "Ana", **more}
        return post(client, f"{AUTH}/signup", body)

    def people() -> dict[str, list[str]]:
        with inside(tenant_a):
            return {
                row.email: sorted(row.role_codes())
                for row in User.objects.filter(email__endswith=".test")
            }

    assert sign_up("ana@ecole.test")[0] == 403
    policy(tenant_a, signup="domain", signup_domains=("ecole.test",))
    answered, body = sign_up("ana@elsewhere.test")
    assert (answered, body["errors"][0]["code"]) == (400, "domain_not_allowed")
    assert people() == {}
    privileged = {"roles": ["admin"], "groups": [1], "is_superuser": True, "role": "admin"}
    answered, body = sign_up("ana@ecole.test", **privileged)
    assert answered == 401  # the address is confirmed first
    assert [flow["id"] for flow in body["data"]["flows"] if flow.get("is_pending")] == [
        "verify_email"
    ]
    assert people() == {"ana@ecole.test": ["learner"]}


def test_a_body_nested_too_deep_is_refused(client_for: Any, tenant_a: Any) -> None:
    answer = client_for(tenant_a).post(
        "/_allauth/app/v1/auth/login", b"[" * 20_000, content_type="application/json"
    )
    assert (answer.status_code, answer.content) == (400, b"")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/identity/o/api/revoke", b"token=%00&client_id=%00"),
        ("/identity/o/api/token", b"grant_type=client_credentials&client_id=%00&client_secret=x"),
        (f"{AUTH}/login", b'{"email": "a@b.example", "password": "\\ud800"}'),
    ],
)
def test_a_text_that_cannot_be_stored_is_refused(
    path: str, body: bytes, client_for: Any, tenant_a: Any
) -> None:
    kind = "application/json" if path.startswith(AUTH) else "application/x-www-form-urlencoded"
    answer = client_for(tenant_a).post(path, body, content_type=kind)
    assert (answer.status_code, answer.json()) == (400, {"code": "bad_request"})
