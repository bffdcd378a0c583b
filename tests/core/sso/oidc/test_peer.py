"""Sign-in with a real OpenID provider that requires PKCE."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.core.sso.oidc.conftest import parameters, refusal

pytestmark = pytest.mark.django_db
LEA = {
    "email": "lea@ecole.example",
    "email_verified": True,
    "given_name": "Léa",
    "family_name": "Martin",
}


def kinds(tenant: Any, inside: Any) -> list[str]:
    from tremplin.kernel.models import AuditEvent

    with inside(tenant):
        events = AuditEvent.objects.filter(kind__startswith="security.sso").order_by("id")
        return [event.kind.removeprefix("security.sso_") for event in events]


def test_a_newcomer_gets_an_account_with_the_default_role(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, inside: Any, prove: Any
) -> None:
    from allauth.socialaccount.models import SocialAccount

    from tremplin.identity.models import User

    connection = connect(tenant_a)
    prove(tenant_a, "ecole.example")
    peer.person("lea-1", **LEA)
    person = walk(tenant_a)
    answer = person.sign_in()
    assert (answer.status_code, answer.headers["Location"]) == (302, "/app/")
    assert person.email() == "lea@ecole.example"
    assert person.session["sso_connection"] == str(connection.pk)
    with inside(tenant_a):
        found = User.objects.get(email="lea@ecole.example")
        assert (found.first_name, found.last_name) == ("Léa", "Martin")
        assert found.role_codes() == {"learner"}
        assert not found.has_usable_password()
        account = SocialAccount.objects.get(user=found)
        assert (account.provider, account.uid) == ("annuaire", "lea-1")
        connection.refresh_from_db()
        assert connection.last_login_at is not None
    assert kinds(tenant_a, inside) == ["configured", "switched_on", "linked", "person_created"]


def test_the_request_carries_pkce_state_and_nonce(
    tenant_a: Any, connect: Any, walk: Any, peer: Any
) -> None:
    connect(tenant_a)
    sent = parameters(walk(tenant_a).leave())
    assert sent["code_challenge_method"] == "S256"
    assert len(sent["code_challenge"]) == 43
    assert len(sent["state"]) == 16
    assert len(sent["nonce"]) == 32
    assert sent["response_type"] == "code"
    assert set(sent["scope"].split()) == {"openid", "profile", "email"}
    assert sent["redirect_uri"] == (
        "http://mecaformation.localhost/accounts/oidc/annuaire/login/callback/"
    )


def test_the_peer_refuses_a_request_without_pkce(
    tenant_a: Any, connect: Any, walk: Any, peer: Any
) -> None:
    connect(tenant_a)
    target = walk(tenant_a).leave()
    sent = parameters(target)
    for name in ("code_challenge", "code_challenge_method"):
        sent.pop(name)
    bare = requests.Request("GET", f"{peer.issuer}/auth", params=sent).prepare().url
    answer = requests.get(str(bare), allow_redirects=False, timeout=10)
    assert parameters(answer.headers["Location"])["error"] == "invalid_request"


def test_a_forged_state_is_refused_and_writes_nothing(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, inside: Any
) -> None:
    from tremplin.identity.models import User

    connect(tenant_a)
    peer.person("lea-1", **LEA)
    person = walk(tenant_a)
    back = person.come_back(person.leave())
    forged = back.replace(parameters(back)["state"], "x" * 16)
    answer = person.arrive(forged)
    assert answer.status_code == 401
    assert refusal(answer) == (
        "This sign-in began too long ago, or in another browser. Start again from this space."
    )
    assert person.email() == ""
    with inside(tenant_a):
        assert not User.objects.filter(email="lea@ecole.example").exists()
    assert kinds(tenant_a, inside) == ["configured", "switched_on", "failed"]


def test_a_state_works_once(tenant_a: Any, connect: Any, walk: Any, peer: Any) -> None:
    connect(tenant_a)
    peer.person("lea-1", **LEA)
    person = walk(tenant_a)
    back = person.come_back(person.leave())
    assert person.arrive(back).status_code == 302
    assert person.arrive(back).status_code == 401


def test_the_answer_to_another_request_is_refused(
    tenant_a: Any, connect: Any, walk: Any, peer: Any
) -> None:
    connect(tenant_a)
    peer.person("lea-1", **LEA)
    person = walk(tenant_a)
    target = person.leave()
    swapped = target.replace(parameters(target)["nonce"], "n" * 32)
    answer = person.arrive(person.come_back(swapped))
    assert answer.status_code == 401
    assert refusal(answer) == (
        "The answer of the identity provider does not belong to your request. Start again."
    )
    assert person.email() == ""


def test_a_code_of_one_school_is_useless_in_the_other(
    tenant_a: Any, tenant_b: Any, connect: Any, walk: Any, peer: Any
) -> None:
    connect(tenant_a)
    connect(tenant_b)
    peer.person("lea-1", **LEA)
    here, there = walk(tenant_a), walk(tenant_b)
    back = here.come_back(here.leave())
    there.leave()
    answer = there.arrive(back)
    assert answer.status_code == 401
    assert there.email() == ""
    state = parameters(there.leave())["state"]
    answer = there.arrive(back.replace(parameters(back)["state"], state))
    assert answer.status_code == 401
    assert there.email() == ""


def test_a_connection_of_one_school_is_unknown_in_the_other(
    tenant_a: Any, tenant_b: Any, connect: Any, client_for: Any, admin_b: Any
) -> None:
    connection = connect(tenant_a)
    for url in ("/accounts/oidc/annuaire/login/", "/accounts/oidc/annuaire/login/callback/"):
        assert client_for(tenant_b).get(url).status_code == 404
        assert client_for(tenant_a).get(url).status_code in {200, 401}
    admin = client_for(tenant_b, admin_b)
    assert admin.get(f"/console/sso/oidc/{connection.pk}/").status_code == 404
    assert admin.post(f"/console/sso/{connection.pk}/switch/", {"active": "0"}).status_code == 404
    assert admin.post(f"/console/sso/{connection.pk}/delete/").status_code == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"is_active": False},
            "Your account here is suspended. Ask the people who run this space.",
        ),
        (
            {"expires_at": "2020-01-01T00:00:00Z"},
            "Your account here is over. Ask the people who run this space.",
        ),
        (
            {"removed_at": "2020-01-01T00:00:00Z"},
            "This account was removed from this space.",
        ),
    ],
)
def test_closed_accounts_are_refused_in_words(
    change: dict[str, Any],
    words: str,
    tenant_a: Any,
    connect: Any,
    walk: Any,
    peer: Any,
    inside: Any,
) -> None:
    from tremplin.identity.models import User

    connect(tenant_a)
    peer.person("lea-1", **{**LEA, "email": "lea@gmail.example"})
    walk(tenant_a).sign_in()
    with inside(tenant_a):
        assert User.objects.filter(email="lea@gmail.example").update(**change) == 1
    person = walk(tenant_a)
    answer = person.sign_in()
    assert (answer.status_code, refusal(answer)) == (403, words)
    assert person.email() == ""
    assert kinds(tenant_a, inside)[-1] == "refused"


def test_an_unproven_domain_reaches_no_existing_account(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, make_person: Any, inside: Any
) -> None:
    from allauth.socialaccount.models import SocialAccount

    make_person(tenant_a, "lea@ecole.example")
    connect(tenant_a)
    peer.person("lea-1", **LEA)
    person = walk(tenant_a)
    answer = person.sign_in()
    assert answer.status_code == 403
    assert refusal(answer) == (
        "An account with your e-mail address already exists here. Sign in to it as usual, then "
        "connect Annuaire from your profile."
    )
    assert person.email() == ""
    with inside(tenant_a):
        assert SocialAccount.objects.count() == 0


def test_a_proven_domain_finds_the_existing_account(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, make_person: Any, inside: Any, prove: Any
) -> None:
    from tremplin.identity.models import User

    lea = make_person(tenant_a, "lea@ecole.example", "trainer", first_name="L", last_name="M")
    connect(tenant_a)
    prove(tenant_a, "ecole.example")
    peer.person("lea-1", **LEA)
    person = walk(tenant_a)
    assert person.sign_in().status_code == 302
    assert person.email() == "lea@ecole.example"
    with inside(tenant_a):
        found = User.objects.get(email="lea@ecole.example")
        assert (found.pk, found.role_codes()) == (lea.pk, {"trainer"})
        assert found.has_usable_password()
        assert (found.first_name, found.last_name) == ("Léa", "Martin")
        assert User.objects.filter(email__startswith="lea").count() == 1


def test_a_proven_domain_of_one_school_says_nothing_in_the_other(
    tenant_a: Any, tenant_b: Any, connect: Any, walk: Any, peer: Any, make_person: Any, prove: Any
) -> None:
    make_person(tenant_b, "lea@ecole.example")
    connect(tenant_b)
    prove(tenant_a, "ecole.example")
    peer.person("lea-1", **LEA)
    person = walk(tenant_b)
    assert person.sign_in().status_code == 403
    assert person.email() == ""


def test_the_owner_is_never_reached_by_an_address(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, prove: Any, inside: Any
) -> None:
    from allauth.socialaccount.models import SocialAccount

    connect(tenant_a)
    prove(tenant_a, "mecaformation.example")
    peer.person("mallory", email="owner@mecaformation.example", email_verified=True)
    person = walk(tenant_a)
    assert person.sign_in().status_code == 403
    assert person.email() == ""
    with inside(tenant_a):
        assert SocialAccount.objects.count() == 0


def test_a_platform_role_is_never_reached_by_an_address(
    tenant_a: Any, connect: Any, make_person: Any, inside: Any, prove: Any
) -> None:
    from django.contrib.auth.models import Group

    from tremplin.sso import accounts

    lea = make_person(tenant_a, "lea@ecole.example")
    connection = connect(tenant_a)
    prove(tenant_a, "ecole.example")
    with inside(tenant_a):
        assert accounts.may_link(connection, "x", "lea@ecole.example") is True
        lea.groups.add(Group.objects.create(name="platform_admin"))
        assert accounts.may_link(connection, "x", "lea@ecole.example") is False


def test_an_account_of_the_platform_is_never_reached_by_an_address(
    tenant_a: Any, connect: Any, make_person: Any, inside: Any, prove: Any
) -> None:
    from allauth.socialaccount.models import SocialAccount

    from tremplin.sso import accounts

    lea = make_person(tenant_a, "lea@ecole.example")
    connection = connect(tenant_a)
    prove(tenant_a, "ecole.example")
    with inside(tenant_a):
        SocialAccount.objects.create(user=lea, provider="platform", uid="someone")
        assert accounts.may_link(connection, "x", "lea@ecole.example") is False


@pytest.mark.parametrize(
    ("claimed", "expected"),
    [
        (["Profs"], {"trainer"}),
        (["profs ", "tuteurs"], {"coach", "trainer"}),
        (["inconnu"], {"candidate"}),
        ([], {"candidate"}),
        (["chefs"], {"candidate"}),
    ],
)
def test_roles_come_from_the_table_only(
    claimed: list[str],
    expected: set[str],
    tenant_a: Any,
    connect: Any,
    walk: Any,
    peer: Any,
    inside: Any,
) -> None:
    from tremplin.identity.models import User
    from tremplin.sso.models import Connection

    connect(tenant_a, default_role="candidate", role_attribute="roles")
    with inside(tenant_a):  # a role that no form lets in, as an old row or a restored one could
        Connection.objects.filter(slug="annuaire").update(
            role_map={"profs": "trainer", "tuteurs": "coach", "chefs": "platform_admin"}
        )
    peer.person("lea-1", **{**LEA, "roles": claimed})
    walk(tenant_a).sign_in()
    with inside(tenant_a):
        assert User.objects.get(email="lea@ecole.example").role_codes() == expected


def test_an_unproven_address_must_be_confirmed(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, inside: Any
) -> None:
    from allauth.account.models import EmailAddress

    connect(tenant_a)
    peer.person("lea-1", **LEA)
    person = walk(tenant_a)
    answer = person.sign_in()
    assert answer.headers["Location"] == "/accounts/confirm-email/"
    assert person.email() == ""
    with inside(tenant_a):
        assert EmailAddress.objects.get(email="lea@ecole.example").verified is False


def test_nobody_enters_when_newcomers_are_not_wanted(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, inside: Any
) -> None:
    from tremplin.identity.models import User

    connect(tenant_a, creates_people=False)
    peer.person("lea-1", **LEA)
    answer = walk(tenant_a).sign_in()
    assert refusal(answer) == (
        "You have no account in this space yet. Ask the people who run it for an invitation."
    )
    with inside(tenant_a):
        assert not User.objects.filter(email="lea@ecole.example").exists()


def test_an_account_needs_an_address(tenant_a: Any, connect: Any, walk: Any, peer: Any) -> None:
    connect(tenant_a)
    peer.person("lea-1", given_name="Léa")
    assert refusal(walk(tenant_a).sign_in()) == (
        "Annuaire did not tell us your e-mail address, and an account needs one."
    )


def test_a_connection_switched_off_is_closed_at_once(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, inside: Any
) -> None:
    from tremplin.sso import services

    connection = connect(tenant_a)
    peer.person("lea-1", **LEA)
    person = walk(tenant_a)
    back = person.come_back(person.leave())
    with inside(tenant_a):
        services.set_active(connection, False)
    assert person.arrive(back).status_code == 404
    assert person.client.post("/accounts/oidc/annuaire/login/").status_code == 404
    assert person.email() == ""


def test_the_secret_is_never_stored_in_clear(
    tenant_a: Any, connect: Any, inside: Any, peer: Any
) -> None:
    from allauth.socialaccount.adapter import get_adapter
    from allauth.socialaccount.models import SocialApp

    connect(tenant_a)
    with inside(tenant_a):
        stored = SocialApp.objects.get(provider_id="annuaire")
        assert stored.secret.startswith("fernet:gAAAA")
        assert peer.secret not in f"{stored.secret}{stored.settings}"
        opened = get_adapter().get_app(None, provider="annuaire")
        assert opened.secret == peer.secret
        assert opened.settings["oauth_pkce_enabled"] is True


def test_a_password_sign_in_forgets_the_connection(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, make_person: Any, prove: Any
) -> None:
    from tests.support.people import PASSWORD

    make_person(tenant_a, "paul@ecole.example")
    connect(tenant_a)
    prove(tenant_a, "ecole.example")
    peer.person("lea-1", **LEA)
    person = walk(tenant_a)
    person.sign_in()
    assert "sso_connection" in person.session
    person.client.post("/accounts/logout/")
    person.client.post("/accounts/login/", {"login": "paul@ecole.example", "password": PASSWORD})
    assert person.email() == "paul@ecole.example"
    assert "sso_connection" not in person.session


def test_linking_and_unlinking_from_ones_own_account(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, make_person: Any, inside: Any
) -> None:
    from allauth.socialaccount.models import SocialAccount

    lea = make_person(tenant_a, "lea@maison.example")
    connect(tenant_a)
    peer.person("lea-1", **LEA)
    person = walk(tenant_a, lea)
    answer = person.sign_in(process="connect")
    assert answer.headers["Location"] == "/accounts/3rdparty/"
    with inside(tenant_a):
        account = SocialAccount.objects.get(user=lea)
    page = person.client.get("/accounts/3rdparty/").content.decode()
    assert page.count('data-testid="identity-row"') == 1
    assert "lea@ecole.example" in page
    assert person.client.post("/accounts/3rdparty/", {"account": account.pk}).status_code == 302
    with inside(tenant_a):
        assert SocialAccount.objects.count() == 0
    assert kinds(tenant_a, inside)[-2:] == ["linked", "unlinked"]


def test_nobody_locks_herself_out(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, inside: Any, prove: Any
) -> None:
    from allauth.socialaccount.models import SocialAccount

    connect(tenant_a)
    prove(tenant_a, "ecole.example")
    peer.person("lea-1", **LEA)
    person = walk(tenant_a)
    person.sign_in()
    with inside(tenant_a):
        account = SocialAccount.objects.get()
    answer = person.client.post("/accounts/3rdparty/", {"account": account.pk})
    assert answer.status_code == 200
    assert "Choose a password first" in answer.content.decode()
    with inside(tenant_a):
        assert SocialAccount.objects.count() == 1


def test_an_identity_of_somebody_else_is_not_taken(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, make_person: Any, inside: Any, prove: Any
) -> None:
    from allauth.socialaccount.models import SocialAccount

    connect(tenant_a)
    prove(tenant_a, "ecole.example")
    peer.person("lea-1", **LEA)
    walk(tenant_a).sign_in()
    paul = make_person(tenant_a, "paul@ecole.example")
    person = walk(tenant_a, paul)
    person.sign_in(process="connect")
    with inside(tenant_a):
        assert SocialAccount.objects.get().user.email == "lea@ecole.example"
    assert person.email() == "paul@ecole.example"


def test_an_anonymous_visitor_cannot_begin_to_link(
    tenant_a: Any, connect: Any, client_for: Any
) -> None:
    connect(tenant_a)
    answer = client_for(tenant_a).post("/accounts/oidc/annuaire/login/", {"process": "connect"})
    assert answer.headers["Location"] == "/accounts/login/?next=%2Fapp%2F"


def test_removing_a_person_forgets_her_identities(
    tenant_a: Any, connect: Any, walk: Any, peer: Any, inside: Any, prove: Any
) -> None:
    from allauth.socialaccount.models import SocialAccount

    from tremplin.identity import services
    from tremplin.identity.models import User

    connect(tenant_a)
    prove(tenant_a, "ecole.example")
    peer.person("lea-1", **LEA)
    walk(tenant_a).sign_in()
    with inside(tenant_a):
        services.remove(User.objects.get(email="lea@ecole.example"))
        assert SocialAccount.objects.count() == 0


def test_made_up_answers_do_not_fill_the_log(
    tenant_a: Any, connect: Any, client_for: Any, inside: Any
) -> None:
    connect(tenant_a)
    client = client_for(tenant_a)
    for _attempt in range(12):
        url = "/accounts/oidc/annuaire/login/callback/?state=x&code=y"
        assert client.get(url).status_code == 401
    assert kinds(tenant_a, inside).count("failed") == 10


@pytest.mark.parametrize("kind", ["app", "browser"])
@pytest.mark.parametrize("step", ["redirect", "signup", "token"])
def test_providers_have_no_way_in_without_pages(
    kind: str, step: str, tenant_a: Any, connect: Any, client_for: Any
) -> None:
    connect(tenant_a)
    url = f"/_allauth/{kind}/v1/auth/provider/{step}"
    client = client_for(tenant_a)
    assert client.post(url, {"provider": "annuaire"}).status_code == 404
    assert client.get(url).status_code == 404
