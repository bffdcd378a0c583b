"""Sign-up, verification, sign-in, reset: what allauth does with our adapters and settings."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail

from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"
SIGNUP = "/accounts/signup/"
RESET = "/accounts/password/reset/"


def path_in(message: Any, pattern: str) -> str:
    found = re.search(rf"https?://[^/\s]+({pattern}\S*)", message.body)
    assert found, message.body
    return found[1]


def sign_in(client: Any, email: str, password: str = PASSWORD) -> Any:
    return client.post(LOGIN, {"login": email, "password": password})


def test_sign_in_opens_the_space(client_for: Any, tenant_a: Any, learner_a: Any) -> None:
    client = client_for(tenant_a)
    response = sign_in(client, "LINA@mecaformation.example")
    assert (response.status_code, response["Location"]) == (302, "/app/")
    cookie = response.cookies["sessionid"]
    assert cookie["domain"] == ""
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert client.get("/api/v1/me").json()["email"] == "lina@mecaformation.example"


def test_the_way_back_stays_on_the_space(client_for: Any, tenant_a: Any, learner_a: Any) -> None:
    data = {"login": learner_a.email, "password": PASSWORD}
    response = client_for(tenant_a).post(LOGIN, {**data, "next": "/app/profile/"})
    assert response["Location"] == "/app/profile/"
    response = client_for(tenant_a).post(LOGIN, {**data, "next": "https://evil.example/"})
    assert response["Location"] == "/app/"


def test_an_unknown_address_and_a_wrong_password_get_the_same_answer(
    client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    def visible(response: Any) -> str:
        text = response.content.decode()
        text = re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": )"[^"]+"', "", text)
        return text.replace("personne@x.example", "#").replace(learner_a.email, "#")

    known = sign_in(client_for(tenant_a), learner_a.email, "mauvais mot de passe")
    unknown = sign_in(client_for(tenant_a), "personne@x.example", "mauvais mot de passe")
    assert known.status_code == unknown.status_code == 200
    assert visible(known) == visible(unknown)
    assert "L’adresse e-mail ou le mot de passe n’est pas le bon." in visible(known)


@pytest.mark.parametrize("email", ["lina@mecaformation.example", "personne@x.example"])
def test_ten_wrong_passwords_are_throttled(
    client_for: Any, tenant_a: Any, tenant_b: Any, learner_a: Any, make_person: Any, email: str
) -> None:
    make_person(tenant_b, "lina@mecaformation.example")
    answers = []
    for _attempt in range(10):
        text = sign_in(client_for(tenant_a), email, "mauvais mot de passe").content.decode()
        answers.append("Trop de tentatives" in text)
    assert answers == [False] * 5 + [True] * 5
    # The right password is refused as well while the account is held, on this space only.
    assert sign_in(client_for(tenant_a), email).status_code == 200
    if email.startswith("lina"):
        assert sign_in(client_for(tenant_b), email).status_code == 302


def test_the_limit_counts_the_account_not_its_spelling(
    client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    for spelling in ("LINA@", "Lina@", "lina@", "lINA@", "liNA@"):
        sign_in(client_for(tenant_a), f"{spelling}mecaformation.example", "mauvais mot de passe")
    assert "Trop de tentatives" in sign_in(client_for(tenant_a), learner_a.email).content.decode()


def test_a_classroom_behind_one_address_can_sign_in(
    client_for: Any, tenant_a: Any, make_person: Any
) -> None:
    people = [make_person(tenant_a, f"e{number}@x.example") for number in range(35)]
    answers = [sign_in(client_for(tenant_a), person.email).status_code for person in people]
    assert answers == [302] * 35  # allauth's own limit is 30 sign-ins a minute per address


def test_signup_is_closed_by_default(client_for: Any, tenant_a: Any, inside: Any) -> None:
    from tremplin.identity.models import User

    client = client_for(tenant_a)
    assert b'data-testid="signup-closed"' in client.get(SIGNUP).content
    client.post(
        SIGNUP, {"email": "x@x.fr", "password1": PASSWORD, "first_name": "X", "last_name": "Y"}
    )
    with inside(tenant_a):
        assert not User.objects.filter(email="x@x.fr").exists()


def test_open_signup_asks_to_confirm_then_gives_the_role(
    client_for: Any, tenant_a: Any, inside: Any, policy: Any
) -> None:
    from tremplin.identity.models import User

    policy(tenant_a, signup="open", signup_role="candidate")
    client = client_for(tenant_a)
    data = {"email": "Neuf@X.fr", "password1": PASSWORD, "first_name": "Noé", "last_name": "Petit"}
    response = client.post(SIGNUP, data)
    assert response["Location"] == "/accounts/confirm-email/"
    with inside(tenant_a):
        person = User.objects.get(email="neuf@x.fr")
        assert person.role_codes() == {"candidate"}
        assert (person.first_name, person.locale) == ("Noé", "fr")
    assert client.get("/api/v1/me").status_code == 401
    assert len(mail.outbox) == 1
    link = path_in(mail.outbox[0], "/accounts/confirm-email/")
    assert mail.outbox[0].subject == "Confirmez votre adresse e-mail"
    assert mail.outbox[0].from_email.startswith("=?utf-8?") or "Lyon" in mail.outbox[0].from_email
    assert client.get(link).status_code == 200  # reading the page confirms nothing
    client.post(link)
    assert sign_in(client, "neuf@x.fr")["Location"] == "/app/"


def test_signup_by_mail_domain(client_for: Any, tenant_a: Any, policy: Any) -> None:
    policy(tenant_a, signup="domain", signup_domains=("ecole.fr",))
    client = client_for(tenant_a)
    data = {"password1": PASSWORD, "first_name": "A", "last_name": "B"}
    refused = client.post(SIGNUP, {**data, "email": "a@ailleurs.fr"})
    assert "Utilisez une adresse de votre organisation (@ecole.fr)." in refused.content.decode()
    assert client.post(SIGNUP, {**data, "email": "a@sous.ecole.fr"}).status_code == 200
    assert client.post(SIGNUP, {**data, "email": "a@ecole.fr"}).status_code == 302


def test_signing_up_with_a_known_address_says_nothing(
    client_for: Any, tenant_a: Any, policy: Any, learner_a: Any, inside: Any
) -> None:
    policy(tenant_a, signup="open")
    data = {"password1": "encore une autre phrase", "first_name": "A", "last_name": "B"}
    response = client_for(tenant_a).post(SIGNUP, {**data, "email": learner_a.email})
    assert response["Location"] == "/accounts/confirm-email/"
    assert [message.subject for message in mail.outbox] == ["Vous avez déjà un compte"]
    with inside(tenant_a):
        learner_a.refresh_from_db()
        assert learner_a.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("password", "accepted"),
    [
        ("onze caract", False),
        ("motdepasse123", True),
        ("passwordpassword", True),
        ("telechargement", False),
        ("mecaformation", False),
        ("douze caract", True),
    ],
)
def test_password_rules(
    tenant_a: Any, inside: Any, learner_a: Any, password: str, accepted: bool
) -> None:
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    with inside(tenant_a):
        try:
            validate_password(password, learner_a)
        except ValidationError:
            assert not accepted
        else:
            assert accepted


def test_reset_gives_the_same_answer_for_everyone(
    client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    client = client_for(tenant_a)
    for email in (learner_a.email, "personne@x.example"):
        response = client.post(RESET, {"email": email})
        assert (response.status_code, response["Location"]) == (
            302,
            "/accounts/password/reset/done/",
        )
    assert [(message.to, message.subject) for message in mail.outbox] == [
        (["lina@mecaformation.example"], "Choisir un nouveau mot de passe"),
        (["personne@x.example"], "Aucun compte avec cette adresse"),
    ]


def test_reset_changes_the_password_once_and_closes_every_session(
    client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    elsewhere = client_for(tenant_a)
    sign_in(elsewhere, learner_a.email)
    client = client_for(tenant_a)
    client.post(RESET, {"email": learner_a.email})
    link = path_in(mail.outbox[0], "/accounts/password/reset/key/")
    page = client.get(link, follow=True)
    new = "une tout autre phrase 9"
    target = page.request["PATH_INFO"]
    done = client.post(target, {"password1": new, "password2": new})
    assert (done.status_code, done["Location"]) == (302, "/accounts/password/reset/key/done/")
    assert elsewhere.get("/api/v1/me").status_code == 401
    assert sign_in(client_for(tenant_a), learner_a.email).status_code == 200
    assert sign_in(client_for(tenant_a), learner_a.email, new).status_code == 302
    again = client_for(tenant_a).get(link)
    assert b'data-testid="reset-invalid"' in again.content


def test_reset_links_expire(client_for: Any, tenant_a: Any, learner_a: Any, inside: Any) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from tremplin.identity.models import PasswordResetToken

    client = client_for(tenant_a)
    client.post(RESET, {"email": learner_a.email})
    with inside(tenant_a):
        token = PasswordResetToken.objects.get()
        assert token.token_hash not in mail.outbox[0].body
        PasswordResetToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    link = path_in(mail.outbox[0], "/accounts/password/reset/key/")
    assert b'data-testid="reset-invalid"' in client.get(link).content


def test_changing_the_password_keeps_this_session_and_ends_the_others(
    client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    here, there = client_for(tenant_a), client_for(tenant_a)
    for client in (here, there):
        sign_in(client, learner_a.email)
    new = "une tout autre phrase 9"
    here.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new}
    )
    assert here.get("/api/v1/me").status_code == 200
    assert there.get("/api/v1/me").status_code == 401


def test_account_forms_say_everything_once(client_for: Any, tenant_a: Any, learner_a: Any) -> None:
    client = client_for(tenant_a)
    sign_in(client, learner_a.email)
    password = client.get("/accounts/password/change/").content.decode()
    assert password.count("Au moins 12 caractères. Une courte phrase convient bien.") == 1
    address = client.get("/accounts/email/").content.decode()
    assert address.count("Nouvelle adresse") == 1
    assert [page.count("placeholder=") for page in (password, address)] == [0, 0]


def test_mails_speak_the_reader_s_language(
    client_for: Any, tenant_a: Any, make_person: Any
) -> None:
    make_person(tenant_a, "tom@x.example", locale="en")
    client_for(tenant_a).post(RESET, {"email": "tom@x.example"})
    message = mail.outbox[0]
    assert message.subject == "Choose a new password"
    html = message.alternatives[0][0]
    assert 'lang="en"' in html
    assert "MécaFormation Lyon" in html


def test_logging_out_needs_a_post(as_admin: Any) -> None:
    assert as_admin.get("/accounts/logout/").status_code == 200
    assert as_admin.get("/api/v1/me").status_code == 200
    assert as_admin.post("/accounts/logout/")["Location"] == "/"
    assert as_admin.get("/api/v1/me").status_code == 401


def test_security_events_are_recorded_without_what_was_typed(
    client_for: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    from tremplin.kernel import audit
    from tremplin.kernel.models import AuditEvent

    client = client_for(tenant_a, REMOTE_ADDR="192.0.2.7")
    sign_in(client, "personne@x.example", "secret tapé par erreur")
    sign_in(client, learner_a.email, "mauvais mot de passe")
    sign_in(client, learner_a.email)
    client.post("/accounts/logout/")
    with inside(tenant_a):
        events = list(AuditEvent.objects.filter(kind__startswith="security.log").order_by("id"))
        target = f"person:{learner_a.pk}"
        assert [(e.kind, e.target, e.actor) for e in events] == [
            ("security.login_failed", "", None),
            ("security.login_failed", target, None),
            ("security.login", target, learner_a.pk),
            ("security.logout", target, learner_a.pk),
        ]
        assert {event.address for event in events} == {"192.0.2.7"}
        assert not any("secret" in str(event.data) or "@" in str(event.data) for event in events)
        assert audit.verify().ok


def test_the_settings_getter_never_queries(
    tenant_a: Any, inside: Any, django_assert_num_queries: Any
) -> None:
    from tremplin.identity.allauth_settings import getter

    with inside(tenant_a), django_assert_num_queries(0):
        assert getter("ACCOUNT_SALT", "x") == f"account:{tenant_a.uuid}"
        assert getter("MFA_TOTP_ISSUER", "") == "MécaFormation Lyon"
        assert getter("ACCOUNT_UNKNOWN", 7) == 7
    assert getter("ACCOUNT_SALT", "x") == "account:public"


def test_changing_the_address_waits_for_its_confirmation(
    client_for: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    client = client_for(tenant_a)
    sign_in(client, learner_a.email)
    client.post("/accounts/email/", {"action_add": "1", "email": "Lina.Moreau@Ailleurs.example"})
    with inside(tenant_a):
        learner_a.refresh_from_db()
        assert learner_a.email == "lina@mecaformation.example"
    assert [message.to for message in mail.outbox] == [["lina.moreau@ailleurs.example"]]
    client.post(path_in(mail.outbox[0], "/accounts/confirm-email/"))
    with inside(tenant_a):
        learner_a.refresh_from_db()
        assert learner_a.email == "lina.moreau@ailleurs.example"
        assert learner_a.search_text == "lina moreau lina.moreau@ailleurs.example"
        assert learner_a.emailaddress_set.count() == 1
    assert sign_in(client_for(tenant_a), "lina@mecaformation.example").status_code == 200
    assert sign_in(client_for(tenant_a), "lina.moreau@ailleurs.example").status_code == 302


@pytest.mark.parametrize("verified", [True, False], ids=["active", "invited"])
def test_the_address_of_a_colleague_cannot_be_taken(
    client_for: Any, tenant_a: Any, learner_a: Any, make_person: Any, inside: Any, verified: bool
) -> None:
    colleague = make_person(tenant_a, "collegue@x.example", password=None, verified=verified)
    client = client_for(tenant_a)
    sign_in(client, learner_a.email)
    change = "/accounts/email/"
    taken = client.post(change, {"action_add": "1", "email": "Collegue@X.example"})
    link = path_in(mail.outbox[0], "/accounts/confirm-email/")
    assert client_for(tenant_a).post(link).status_code == 302
    free = client.post(change, {"action_add": "1", "email": "libre@x.example"})
    # Nothing tells which addresses have an account.
    assert (taken.status_code, taken["Location"]) == (free.status_code, free["Location"])
    with inside(tenant_a):
        learner_a.refresh_from_db()
        colleague.refresh_from_db()
        assert learner_a.email == "lina@mecaformation.example"
        assert colleague.email == "collegue@x.example"


@pytest.mark.parametrize("who", ["known", "unknown", "invited", "suspended", "expired"])
def test_every_failed_sign_in_costs_one_hash(
    client_for: Any, tenant_a: Any, make_person: Any, inside: Any, monkeypatch: Any, who: str
) -> None:
    """What takes time is the hash: it is computed whoever holds the address."""
    from datetime import timedelta

    from django.contrib.auth import hashers
    from django.utils import timezone

    from tremplin.identity import services

    email = "personne@x.example"
    if who != "unknown":
        person = make_person(tenant_a, email, password=None if who == "invited" else PASSWORD)
        with inside(tenant_a):
            if who == "suspended":
                services.suspend(person, "essai")
            elif who == "expired":
                person.expires_at = timezone.now() - timedelta(seconds=1)
                person.save(update_fields=["expires_at"])
    hasher = type(hashers.get_hasher())
    original, hashed = hasher.encode, []

    def encode(self: Any, password: str, salt: str, *args: Any) -> str:
        hashed.append(password)
        return str(original(self, password, salt, *args))

    monkeypatch.setattr(hasher, "encode", encode)
    response = sign_in(client_for(tenant_a), email, "mauvais mot de passe")
    assert response.status_code == 200
    assert "L’adresse e-mail ou le mot de passe n’est pas le bon." in response.content.decode()
    assert len(hashed) == 1


@pytest.mark.parametrize("state", ["suspended", "expired"])
def test_a_closed_account_says_so_to_who_knows_its_password_only(
    client_for: Any, tenant_a: Any, learner_a: Any, inside: Any, state: str
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from tremplin.identity import services

    with inside(tenant_a):
        if state == "suspended":
            services.suspend(learner_a, "essai")
        else:
            learner_a.expires_at = timezone.now() - timedelta(seconds=1)
            learner_a.save(update_fields=["expires_at"])
    client = client_for(tenant_a)
    assert sign_in(client, learner_a.email, "mauvais mot de passe").status_code == 200
    assert sign_in(client, learner_a.email)["Location"] == "/accounts/inactive/"
    assert client.get("/api/v1/me").status_code == 401
