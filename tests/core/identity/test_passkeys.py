"""Passkeys: enrolment, sign-in, names, removal, and what a space or a rule closes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from tests.support.people import PASSWORD
from tests.support.soft_passkey import SoftPasskey

pytestmark = pytest.mark.django_db

ADD = "/accounts/2fa/webauthn/add/"
LOGIN = "/accounts/2fa/webauthn/login/"
MINE = "/accounts/2fa/"
CLOSED = "Cet espace n’utilise pas de clés d’accès. Connectez-vous autrement."


def origin_of(tenant: Any) -> str:
    return f"http://{tenant.primary_host}"


def sign_in(client: Any, email: str, password: str = PASSWORD) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": password})


def enrol(client: Any, key: SoftPasskey, name: str = "Téléphone") -> Any:
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    options = json.loads(client.get(ADD).context["options"])
    return client.post(ADD, {"name": name, "credential": json.dumps(key.create(options))})


def question(client: Any) -> Any:
    asked = client.get(LOGIN, headers={"accept": "application/json"}).json()
    return asked["request_options"]


def present(client: Any, key: SoftPasskey, **extra: str) -> Any:
    answer = key.get(question(client))
    return client.post(LOGIN, {"credential": json.dumps(answer), **extra})


@pytest.fixture
def holder(client_for: Any, tenant_a: Any, learner_a: Any) -> tuple[Any, SoftPasskey]:
    """Lina, signed in, with one passkey."""
    client = client_for(tenant_a)
    sign_in(client, learner_a.email)
    key = SoftPasskey(origin_of(tenant_a))
    assert enrol(client, key)["Location"] == "/accounts/2fa/recovery-codes/"
    return client, key


def test_a_passkey_is_enrolled_named_and_announced(
    holder: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    from allauth.mfa.models import Authenticator

    from tremplin.identity import mfa
    from tremplin.kernel.models import AuditEvent

    with inside(tenant_a):
        rows = Authenticator.objects.filter(user=learner_a).order_by("created_at")
        assert [(row.type, row.data.get("name")) for row in rows] == [
            ("webauthn", "Téléphone"),
            ("recovery_codes", None),
        ]
        assert mfa.is_enrolled(learner_a)
        events = AuditEvent.objects.filter(kind="security.mfa_added").order_by("id")
        assert [event.data for event in events] == [{"type": "webauthn"}]
    assert [message.subject for message in mail.outbox] == [
        "Une clé d’accès a été ajoutée à votre compte"
    ]
    assert b"T\xc3\xa9l\xc3\xa9phone" in holder[0].get(MINE).content


def test_the_device_is_asked_to_verify_its_holder(
    client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    client = client_for(tenant_a)
    sign_in(client, learner_a.email)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    asked = json.loads(client.get(ADD).context["options"])["publicKey"]
    assert asked["rp"] == {"id": tenant_a.primary_host, "name": "MécaFormation Lyon"}
    assert asked["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    careless = SoftPasskey(origin_of(tenant_a), verifies=False)
    answer = client.post(
        ADD, {"name": "x", "credential": json.dumps(careless.create({"publicKey": asked}))}
    )
    assert answer.status_code == 422
    assert "La clé d’accès n’a pas été ajoutée." in answer.content.decode()


def test_enrolment_asks_for_the_password_again(
    client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    client = client_for(tenant_a)
    sign_in(client, learner_a.email)
    assert (
        client.get(ADD)["Location"] == f"/accounts/reauthenticate/?next={ADD.replace('/', '%2F')}"
    )
    assert client_for(tenant_a).get(ADD)["Location"].startswith("/accounts/login/?next=")


def test_sign_in_with_a_passkey(holder: Any, client_for: Any, tenant_a: Any) -> None:
    client = client_for(tenant_a)
    response = present(client, holder[1])
    assert (response.status_code, response["Location"]) == (302, "/app/")
    assert client.get("/api/v1/me").json()["email"] == "lina@mecaformation.example"
    # A passkey is both proofs at once: no code is asked after it.
    assert client.get("/accounts/2fa/authenticate/").status_code == 302


def test_the_way_back_after_a_passkey(holder: Any, client_for: Any, tenant_a: Any) -> None:
    asked = present(client_for(tenant_a), holder[1], next="/app/profile/")
    assert asked["Location"] == "/app/profile/"
    outside = present(client_for(tenant_a), holder[1], next="https://evil.example/")
    assert outside["Location"] == "/app/"


def test_a_passkey_is_the_second_step_after_the_password(
    holder: Any, client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    client = client_for(tenant_a)
    assert sign_in(client, learner_a.email)["Location"] == "/accounts/2fa/authenticate/"
    page = client.get("/accounts/2fa/authenticate/")
    answer = holder[1].get(json.loads(page.context["options"]))
    done = client.post("/accounts/2fa/authenticate/", {"credential": json.dumps(answer)})
    assert done["Location"] == "/app/"
    assert client.get("/api/v1/me").status_code == 200


def test_an_answer_serves_once(holder: Any, client_for: Any, tenant_a: Any) -> None:
    client = client_for(tenant_a)
    answer = json.dumps(holder[1].get(question(client)))
    assert client.post(LOGIN, {"credential": answer})["Location"] == "/app/"
    client.post("/accounts/logout/")
    question(client)
    again = client.post(LOGIN, {"credential": answer})
    assert again["Location"] == "/accounts/login/"
    assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(
    "body",
    ["", "null", "[]", "{}", "7", '"x"', "not json", '{"id": 3}', '{"response": {}}'],
)
def test_hostile_answers_are_refused(
    client_for: Any, tenant_a: Any, learner_a: Any, body: str
) -> None:
    client = client_for(tenant_a)
    question(client)
    assert client.post(LOGIN, {"credential": body})["Location"] == "/accounts/login/"
    assert client.get("/api/v1/me").status_code == 401
    sign_in(client, learner_a.email)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.get(ADD)
    refused = client.post(ADD, {"name": "x", "credential": body})
    assert refused.status_code == 422
    assert refused.content.decode().count("La clé d’accès n’a pas été ajoutée.") == 3


def test_another_signature_opens_nothing(holder: Any, client_for: Any, tenant_a: Any) -> None:
    client = client_for(tenant_a)
    thief = SoftPasskey(
        origin_of(tenant_a),
        credential_id=holder[1].credential_id,
        user_handle=holder[1].user_handle,
    )
    response = present(client, thief)
    assert response["Location"] == "/accounts/login/"
    page = client.get("/accounts/login/").content.decode()
    assert "Cette clé d’accès n’ouvre aucun compte ici. Connectez-vous autrement." in page
    assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize("direction", ["a to b", "b to a"])
def test_a_passkey_of_one_space_is_worth_nothing_in_the_other(
    client_for: Any, tenant_a: Any, tenant_b: Any, make_person: Any, direction: str
) -> None:
    home, abroad = (tenant_a, tenant_b) if direction == "a to b" else (tenant_b, tenant_a)
    for tenant in (home, abroad):
        make_person(tenant, "meme@x.example")
    client = client_for(home)
    sign_in(client, "meme@x.example")
    key = SoftPasskey(origin_of(home))
    enrol(client, key)
    for origin in (origin_of(home), origin_of(abroad)):
        key.origin = origin
        visitor = client_for(abroad)
        assert present(visitor, key)["Location"] == "/accounts/login/"
        assert visitor.get("/api/v1/me").status_code == 401
    key.origin = origin_of(home)
    assert present(client_for(home), key)["Location"] == "/app/"


def test_passkeys_are_added_on_the_primary_address_only(
    client_for: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    from tenants import registry
    from tenants.context import public, public_write
    from tenants.models import Domain

    with public(), public_write("test"):
        Domain.objects.create(
            tenant_id=tenant_a.pk,
            domain="autre.example",
            kind="custom",
            is_primary=False,
            verified_at=timezone.now(),
        )
    registry.invalidate()
    client = client_for(tenant_a, learner_a)
    page = client.get(ADD, HTTP_HOST="autre.example")
    assert page.status_code == 409
    assert f'href="http://{tenant_a.primary_host}{ADD}"' in page.content.decode()
    login = client_for(tenant_a).get("/accounts/login/", HTTP_HOST="autre.example")
    assert b'data-testid="login-passkey"' not in login.content
    home = client_for(tenant_a).get("/accounts/login/")
    assert b'data-testid="login-passkey"' in home.content


def test_renaming_and_removing(holder: Any, tenant_a: Any, learner_a: Any, inside: Any) -> None:
    from allauth.mfa.models import Authenticator

    client = holder[0]
    with inside(tenant_a):
        pk = Authenticator.objects.get(user=learner_a, type="webauthn").pk
    edit = f"/accounts/2fa/webauthn/keys/{pk}/edit/"
    assert client.post(edit, {"name": "  "}).status_code == 422
    assert client.post(edit, {"name": "x" * 61}).status_code == 422
    assert client.post(edit, {"name": "Clé du\nbureau"})["Location"] == MINE
    with inside(tenant_a):
        assert Authenticator.objects.get(pk=pk).wrap().name == "Clé du bureau"
    mail.outbox.clear()
    assert client.post(f"/accounts/2fa/webauthn/keys/{pk}/remove/")["Location"] == MINE
    with inside(tenant_a):
        # Without a second factor, recovery codes have nothing left to recover.
        assert Authenticator.objects.filter(user=learner_a).count() == 0
    assert [message.subject for message in mail.outbox] == [
        "Une clé d’accès a été retirée de votre compte"
    ]


def test_keys_of_a_colleague_are_unknown(
    holder: Any, client_for: Any, tenant_a: Any, make_person: Any, inside: Any
) -> None:
    from allauth.mfa.models import Authenticator

    other = make_person(tenant_a, "collegue@x.example")
    client = client_for(tenant_a)
    sign_in(client, other.email)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    with inside(tenant_a):
        pk = Authenticator.objects.get(type="webauthn").pk
    for action in ("edit", "remove"):
        path = f"/accounts/2fa/webauthn/keys/{pk}/{action}/"
        assert client.get(path).status_code == 404
        assert client.post(path, {"name": "volée"}).status_code == 404
    with inside(tenant_a):
        assert Authenticator.objects.get(pk=pk).wrap().name == "Téléphone"


def test_the_last_required_factor_stays(
    holder: Any, tenant_a: Any, learner_a: Any, policy: Any, inside: Any
) -> None:
    from allauth.mfa.models import Authenticator

    from tremplin.identity.mfa import enrol_totp

    policy(tenant_a, mfa_roles=("learner",))
    with inside(tenant_a):
        pk = Authenticator.objects.get(type="webauthn").pk
    remove = f"/accounts/2fa/webauthn/keys/{pk}/remove/"
    refused = holder[0].post(remove)
    assert refused.status_code == 422
    assert 'data-testid="passkey-kept"' in refused.content.decode()
    with inside(tenant_a):
        assert Authenticator.objects.filter(pk=pk).count() == 1
        enrol_totp(learner_a, "JBSWY3DPEHPK3PXP")
    assert holder[0].post(remove).status_code == 302
    with inside(tenant_a):
        assert Authenticator.objects.filter(pk=pk).count() == 0


def test_a_space_that_switched_passkeys_off(
    holder: Any, client_for: Any, tenant_a: Any, learner_a: Any, policy: Any
) -> None:
    policy(tenant_a, passkeys=False)
    stranger = client_for(tenant_a)
    page = stranger.get("/accounts/login/").content.decode()
    assert 'data-testid="login-passkey"' not in page
    assert stranger.get(LOGIN, headers={"accept": "application/json"})["Location"] == (
        "/accounts/login/"
    )
    assert CLOSED in stranger.get("/accounts/login/").content.decode()
    assert stranger.post(LOGIN, {"credential": "{}"})["Location"] == "/accounts/login/"
    assert holder[0].get(ADD)["Location"] == MINE
    for path in (
        "/_allauth/browser/v1/auth/webauthn/login",
        "/_allauth/app/v1/auth/webauthn/login",
    ):
        answer = stranger.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "method_closed")
    # Those that exist still serve as the second step: nobody loses her protection.
    assert sign_in(client_for(tenant_a), learner_a.email)["Location"] == (
        "/accounts/2fa/authenticate/"
    )


def test_a_question_asked_before_the_switch_is_refused(
    holder: Any, client_for: Any, tenant_a: Any, policy: Any
) -> None:
    client = client_for(tenant_a)
    answer = json.dumps(holder[1].get(question(client)))
    policy(tenant_a, passkeys=False)
    assert client.post(LOGIN, {"credential": answer})["Location"] == "/accounts/login/"
    assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize("state", ["suspended", "expired"])
def test_a_closed_account_is_refused(
    holder: Any, client_for: Any, tenant_a: Any, learner_a: Any, inside: Any, state: str
) -> None:
    from tremplin.identity import services
    from tremplin.identity.models import User

    with inside(tenant_a):
        if state == "suspended":
            services.suspend(learner_a, "essai")
        else:
            User.objects.filter(pk=learner_a.pk).update(
                expires_at=timezone.now() - timedelta(seconds=1)
            )
    client = client_for(tenant_a)
    assert present(client, holder[1])["Location"] == "/accounts/inactive/"
    assert client.get("/api/v1/me").status_code == 401


def test_a_rule_closes_passkeys_to_an_address(holder: Any, client_for: Any, tenant_a: Any) -> None:
    from tremplin.identity import sign_in_rules

    asked = []

    def rule(email: str, method: Any) -> sign_in_rules.Refusal | None:
        asked.append((email, method))
        return sign_in_rules.Refusal("Passez par l’annuaire.", "/app/")

    sign_in_rules.register_rule(rule)
    try:
        response = present(client_for(tenant_a), holder[1])
    finally:
        sign_in_rules.forget_rule(rule)
    assert response["Location"] == "/app/"
    assert asked == [("lina@mecaformation.example", "passkey")]


def test_headless_applications_enrol_and_sign_in(
    client_for: Any, tenant_a: Any, learner_a: Any, holder: Any
) -> None:
    client = client_for(tenant_a)
    path = "/_allauth/browser/v1/auth/webauthn/login"
    options = client.get(path).json()["data"]["request_options"]
    answer = holder[1].get(options)
    done = client.post(path, json.dumps({"credential": answer}), content_type="application/json")
    assert (done.status_code, done.json()["data"]["user"]["email"]) == (200, learner_a.email)
