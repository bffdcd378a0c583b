"""Signing in with a code sent by mail, where the space allows it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

pytestmark = pytest.mark.django_db

REQUEST = "/accounts/login/code/"
CONFIRM = "/accounts/login/code/confirm/"
CODE = re.compile(r"\b([A-Z]{4}-[A-Z]{4})\b")


@pytest.fixture
def allowed(tenant_a: Any, policy: Any) -> Any:
    policy(tenant_a, login_by_code=True)
    return tenant_a


def code_in(message: Any) -> str:
    found = CODE.search(message.body)
    assert found, message.body
    return found[1]


def test_a_code_signs_in(client_for: Any, allowed: Any, learner_a: Any) -> None:
    client = client_for(allowed)
    assert b'data-testid="login-code"' in client.get("/accounts/login/").content
    sent = client.post(f"{REQUEST}?next=/app/profile/", {"email": "LINA@mecaformation.example"})
    assert sent["Location"] == f"{CONFIRM}?next=%2Fapp%2Fprofile%2F"
    assert client.get("/api/v1/me").status_code == 401
    message = mail.outbox[0]
    code = code_in(message)
    assert (message.to, message.subject) == (
        ["lina@mecaformation.example"],
        f"Votre code de connexion : {code}",
    )
    done = client.post(CONFIRM, {"code": code.lower(), "next": "/app/profile/"})
    assert done["Location"] == "/app/profile/"
    assert client.get("/api/v1/me").json()["email"] == learner_a.email
    # It worked once.
    client.post("/accounts/logout/")
    assert client.post(CONFIRM, {"code": code})["Location"] == REQUEST


def test_off_by_default_on_every_path(client_for: Any, tenant_a: Any, learner_a: Any) -> None:
    client = client_for(tenant_a)
    page = client.get("/accounts/login/").content.decode()
    assert 'data-testid="login-code"' not in page
    for path in (REQUEST, CONFIRM):
        for answer in (client.get(path), client.post(path, {"email": learner_a.email})):
            assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    text = "Cet espace n’envoie pas de codes. Connectez-vous avec votre mot de passe."
    assert text in client.get("/accounts/login/").content.decode()
    for kind in ("browser", "app"):
        answer = client.post(
            f"/_allauth/{kind}/v1/auth/code/request",
            json.dumps({"email": learner_a.email}),
            content_type="application/json",
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "method_closed")
    assert mail.outbox == []


def test_a_code_sent_before_the_switch_is_refused(
    client_for: Any, allowed: Any, learner_a: Any, policy: Any
) -> None:
    client = client_for(allowed)
    client.post(REQUEST, {"email": learner_a.email})
    policy(allowed, login_by_code=False)
    assert client.post(CONFIRM, {"code": code_in(mail.outbox[0])})["Location"] == "/accounts/login/"
    assert client.get("/api/v1/me").status_code == 401


def test_three_wrong_codes_end_it(client_for: Any, allowed: Any, learner_a: Any) -> None:
    client = client_for(allowed)
    client.post(REQUEST, {"email": learner_a.email})
    code = code_in(mail.outbox[0])
    answers = [client.post(CONFIRM, {"code": "BBBB-BBBB"}).status_code for _ in range(3)]
    assert answers == [200, 200, 302]
    assert client.post(CONFIRM, {"code": code})["Location"] == REQUEST
    assert client.get("/api/v1/me").status_code == 401


def test_an_unknown_address_gets_the_same_answer(
    client_for: Any, allowed: Any, learner_a: Any
) -> None:
    pages = []
    for email in (learner_a.email, "personne@x.example"):
        client = client_for(allowed)
        answer = client.post(REQUEST, {"email": email}, follow=True)
        text = answer.content.decode().replace(email, "#")
        pages.append(re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": )"[^"]+"', "", text))
    assert pages[0] == pages[1]
    assert [message.subject for message in mail.outbox][1] == "Aucun compte avec cette adresse"


@pytest.mark.parametrize(
    ("state", "subject"),
    [("suspended", "Ce compte est fermé"), ("removed", "Aucun compte avec cette adresse")],
)
def test_closed_accounts_receive_no_code(
    client_for: Any, allowed: Any, learner_a: Any, inside: Any, state: str, subject: str
) -> None:
    from tremplin.identity import services

    with inside(allowed):
        if state == "suspended":
            services.suspend(learner_a, "essai")
        else:
            services.remove(learner_a)
    mail.outbox.clear()
    answer = client_for(allowed).post(REQUEST, {"email": "lina@mecaformation.example"})
    assert answer["Location"] == CONFIRM
    assert [message.subject for message in mail.outbox] == [subject]


def test_an_expired_account_is_stopped_after_the_code(
    client_for: Any, allowed: Any, learner_a: Any, inside: Any
) -> None:
    from tremplin.identity.models import User

    with inside(allowed):
        User.objects.filter(pk=learner_a.pk).update(
            expires_at=timezone.now() - timedelta(seconds=1)
        )
    client = client_for(allowed)
    client.post(REQUEST, {"email": learner_a.email})
    done = client.post(CONFIRM, {"code": code_in(mail.outbox[0])})
    assert done["Location"] == "/accounts/inactive/"
    assert client.get("/api/v1/me").status_code == 401


def test_a_code_does_not_replace_the_second_factor(
    client_for: Any, allowed: Any, learner_a: Any, inside: Any
) -> None:
    from tremplin.identity.mfa import enrol_totp

    with inside(allowed):
        enrol_totp(learner_a, "JBSWY3DPEHPK3PXP")
    client = client_for(allowed)
    client.post(REQUEST, {"email": learner_a.email})
    done = client.post(CONFIRM, {"code": code_in(mail.outbox[0])})
    assert done["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize("swapped", [False, True], ids=["a to b", "b to a"])
def test_a_code_of_one_space_is_worth_nothing_in_the_other(
    client_for: Any, tenant_a: Any, tenant_b: Any, make_person: Any, policy: Any, swapped: bool
) -> None:
    home, abroad = (tenant_b, tenant_a) if swapped else (tenant_a, tenant_b)
    for tenant in (home, abroad):
        policy(tenant, login_by_code=True)
        make_person(tenant, "meme@x.example")
    client, visitor = client_for(home), client_for(abroad)
    client.post(REQUEST, {"email": "meme@x.example"})
    code = code_in(mail.outbox[0])
    visitor.post(REQUEST, {"email": "meme@x.example"})
    assert visitor.post(CONFIRM, {"code": code}).status_code == 200
    # Nor does the session that waits for it.
    visitor.cookies["sessionid"] = client.cookies["sessionid"].value
    assert visitor.post(CONFIRM, {"code": code})["Location"] == REQUEST
    assert visitor.get("/api/v1/me").status_code == 401
    assert client.post(CONFIRM, {"code": code})["Location"] == "/app/"


def test_codes_to_one_address_are_limited(
    client_for: Any, allowed: Any, learner_a: Any, make_person: Any
) -> None:
    answers = [
        client_for(allowed).post(REQUEST, {"email": learner_a.email}).status_code for _ in range(6)
    ]
    assert answers == [302, 302, 302, 302, 302, 200]
    # The classroom behind the same address goes on.
    make_person(allowed, "voisin@x.example")
    assert client_for(allowed).post(REQUEST, {"email": "voisin@x.example"}).status_code == 302


def test_a_rule_answers_from_the_address_alone(
    client_for: Any, allowed: Any, learner_a: Any
) -> None:
    from tremplin.identity import sign_in_rules

    def rule(email: str, method: Any) -> sign_in_rules.Refusal | None:
        if email.endswith("@mecaformation.example"):
            return sign_in_rules.Refusal(f"Fermé ({method}).", "/ailleurs/")
        return None

    sign_in_rules.register_rule(rule)
    try:
        found = {}
        for email in (learner_a.email, "inconnue@mecaformation.example"):
            client = client_for(allowed)
            found[email] = [
                (
                    answer.status_code,
                    f"Fermé ({method})." in answer.content.decode(),
                    'href="/ailleurs/"' in answer.content.decode(),
                )
                for method, answer in (
                    ("code", client.post(REQUEST, {"email": email})),
                    ("reset", client.post("/accounts/password/reset/", {"email": email})),
                    (
                        "password",
                        client.post("/accounts/login/", {"login": email, "password": "x" * 12}),
                    ),
                )
            ]
    finally:
        sign_in_rules.forget_rule(rule)
    assert found[learner_a.email] == found["inconnue@mecaformation.example"]
    assert found[learner_a.email] == [(200, True, True)] * 3
    assert mail.outbox == []
