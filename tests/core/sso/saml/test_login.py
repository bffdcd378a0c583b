"""Signing in through SAML: what works, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.sso.saml.conftest import MAIL, code_of
from tests.support.saml_idp import Idp, is_signed_by, make_key, request_of

pytestmark = pytest.mark.django_db


def person_of(walk: Any, inside: Any) -> Any:
    from tremplin.identity.models import User

    with inside(walk.tenant):
        return User.objects.get(pk=walk.session()["_auth_user_id"])


def test_the_request_is_signed_and_says_where_to_answer(
    tenant_a: Any, connect: Any, walk: Any, inside: Any
) -> None:
    connect(tenant_a)
    browser = walk(tenant_a)
    sent = browser.begin()
    assert sent["kind"] == "{urn:oasis:names:tc:SAML:2.0:protocol}AuthnRequest"
    assert f'AssertionConsumerServiceURL="{browser.acs}"' in sent["xml"]
    assert f"<saml:Issuer>{browser.audience}</saml:Issuer>" in sent["xml"]
    from tremplin.sso.saml import keys

    with inside(tenant_a):
        certificate = keys.ensure_current().certificate
    assert is_signed_by(browser.url, certificate)
    assert not is_signed_by(browser.url, make_key("other").certificate.decode())


def test_a_first_sign_in_opens_an_account_with_its_role(
    tenant_a: Any, connect: Any, walk: Any, inside: Any, written: Any
) -> None:
    connect(tenant_a, domains=("campus.example",))
    before = written(tenant_a)
    browser = walk(tenant_a)
    browser.begin()
    answer = browser.come_back()
    assert (answer.status_code, answer["Location"]) == (302, "/app/")
    person = person_of(browser, inside)
    assert (person.email, person.first_name, person.last_name) == (
        "marc@campus.example",
        "Marc",
        "Delmas",
    )
    with inside(tenant_a):
        assert person.role_codes() == {"trainer"}
        assert not person.has_usable_password()
    assert written(tenant_a) == tuple(number + 1 for number in before)
    session = browser.session()
    assert session["saml_session"]["name_id"] == "marc-0001"
    assert session["saml_session"]["session_index"] == "session-1"
    assert session["sso_connection"] == session["saml_session"]["connection"]


def test_accents_arrive_whole(tenant_a: Any, connect: Any, walk: Any, inside: Any) -> None:
    connect(tenant_a, domains=("campus.example",))
    browser = walk(tenant_a)
    browser.begin()
    browser.come_back(
        attributes=[
            ("mail", "", ["zoé.œuvre@campus.example".replace("é", "e").replace("œ", "oe")]),
            ("givenName", "", ["Zoé-Hélène"]),
            ("sn", "", ["Le Cœur d’Île"]),
        ]
    )
    person = person_of(browser, inside)
    assert (person.first_name, person.last_name) == ("Zoé-Hélène", "Le Cœur d’Île")
    with inside(tenant_a):
        assert person.role_codes() == {"learner"}


def test_an_unmapped_value_gives_the_lowest_role(
    tenant_a: Any, connect: Any, walk: Any, inside: Any
) -> None:
    connect(
        tenant_a,
        domains=("campus.example",),
        role_map={"staff": "trainer"},
        role_attribute="eduPersonAffiliation",
    )
    browser = walk(tenant_a)
    browser.begin()
    browser.come_back(
        attributes=[
            (MAIL, "mail", ["new@campus.example"]),
            ("eduPersonAffiliation", "", ["owner", "admin", "emeritus"]),
        ]
    )
    with inside(tenant_a):
        assert person_of(browser, inside).role_codes() == {"learner"}


def test_the_first_sign_in_finds_the_account_of_a_proven_domain(
    tenant_a: Any, connect: Any, walk: Any, inside: Any, written: Any, make_person: Any
) -> None:
    marc = make_person(tenant_a, "marc@campus.example", "coach", first_name="M.")
    connect(tenant_a, domains=("campus.example",))
    people, addresses, linked = written(tenant_a)
    browser = walk(tenant_a)
    browser.begin()
    assert browser.come_back().status_code == 302
    assert written(tenant_a) == (people, addresses, linked + 1)
    person = person_of(browser, inside)
    assert (person.pk, person.first_name) == (marc.pk, "Marc")
    with inside(tenant_a):
        assert person.role_codes() == {"coach"}
    browser.sign_out()
    browser.begin()
    assert browser.come_back().status_code == 302
    assert written(tenant_a) == (people, addresses, linked + 1)


@pytest.mark.parametrize("who", ["current", "next"])
def test_an_encrypted_assertion_opens_with_either_key(
    who: str, tenant_a: Any, connect: Any, walk: Any, inside: Any
) -> None:
    from tremplin.sso.saml import keys

    connect(tenant_a, domains=("campus.example",), encrypts=True)
    with inside(tenant_a):
        keys.prepare_next()
        certificate = keys.published()[who].certificate
    browser = walk(tenant_a)
    browser.begin()
    answer = browser.come_back(encrypt_for=certificate)
    assert (answer.status_code, code_of(answer)) == (302, "")
    assert person_of(browser, inside).email == "marc@campus.example"


def test_a_plain_assertion_is_refused_where_encryption_is_required(
    tenant_a: Any, connect: Any, walk: Any
) -> None:
    connect(tenant_a, domains=("campus.example",), encrypts=True)
    browser = walk(tenant_a)
    browser.begin()
    answer = browser.come_back()
    assert (answer.status_code, code_of(answer)) == (401, "encryption")


def test_the_second_certificate_of_the_metadata_signs_as_well(
    tenant_a: Any, connect: Any, walk: Any, idp: Idp
) -> None:
    following = make_key("idp-next")
    connect(tenant_a, domains=("campus.example",), document=idp.metadata(idp.key, following))
    for key in (idp.key, following):
        browser = walk(tenant_a)
        browser.begin()
        answer = browser.come_back(key=key)
        assert (answer.status_code, code_of(answer)) == (302, "")


def test_the_key_of_the_space_rolls_over(
    tenant_a: Any, connect: Any, walk: Any, inside: Any
) -> None:
    from tremplin.sso.models import ServiceKey
    from tremplin.sso.saml import keys

    connect(tenant_a, domains=("campus.example",))
    browser = walk(tenant_a)
    with inside(tenant_a):
        first = keys.ensure_current().certificate
        second = keys.prepare_next().certificate
    published = browser.client.get("/accounts/saml/campus/metadata/").content.decode()
    assert published.count("<ds:X509Certificate>") == 4  # two to sign, two to encrypt
    assert keys.body(first) in published.replace("\n", "")
    assert keys.body(second) in published.replace("\n", "")
    browser.begin()
    assert is_signed_by(browser.url, first)
    with inside(tenant_a):
        keys.promote_next()
        assert ServiceKey.objects.get(state="retired").private_key == ""
    browser.begin()
    assert is_signed_by(browser.url, second)
    published = browser.client.get("/accounts/saml/campus/metadata/").content.decode()
    assert keys.body(first) not in published.replace("\n", "")


def test_a_sign_in_begins_on_the_primary_domain(
    tenant_a: Any, connect: Any, client_for: Any
) -> None:
    from django.utils import timezone

    from tenants import registry
    from tenants.context import public_write
    from tenants.models import Domain
    from tests.core.sso.saml.conftest import leaving_to

    connect(tenant_a)
    with public_write("tests"):
        Domain.objects.create(
            domain="campus.second.example",
            tenant_id=tenant_a.pk,
            is_primary=False,
            kind=Domain.Kind.CUSTOM,
            verified_at=timezone.now(),
        )
        registry.bump_epoch()
    registry.invalidate()
    client = client_for(tenant_a)
    answer = client.post(
        "/accounts/saml/campus/login/",
        {"next": "/app/x/"},
        headers={"host": "campus.second.example"},
    )
    assert leaving_to(answer) == (
        f"http://{tenant_a.primary_host}/accounts/saml/campus/login/?next=%2Fapp%2Fx%2F"
    )


def test_the_page_asked_for_is_reached(tenant_a: Any, connect: Any, walk: Any) -> None:
    connect(tenant_a, domains=("campus.example",))
    browser = walk(tenant_a)
    browser.begin(next="/app/profile/")
    assert browser.come_back()["Location"] == "/app/profile/"


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil.example"],
)
def test_another_origin_is_never_reached(
    wanted: str, tenant_a: Any, connect: Any, walk: Any
) -> None:
    connect(tenant_a, domains=("campus.example",), idp_initiated=True)
    browser = walk(tenant_a)
    browser.begin(next=wanted)
    assert browser.come_back(relay=wanted)["Location"] == "/app/"
    browser.sign_out()
    assert browser.come_back(relay=wanted, in_response_to="")["Location"] == "/app/"


def test_a_sign_in_that_begins_at_the_provider_needs_the_switch(
    tenant_a: Any, tenant_b: Any, connect: Any, walk: Any, written: Any
) -> None:
    connect(tenant_a, domains=("campus.example",))
    connect(tenant_b, domains=("campus.example",), idp_initiated=True)
    before = written(tenant_a)
    closed, opened = walk(tenant_a), walk(tenant_b)
    refused = closed.come_back(in_response_to="")
    assert (refused.status_code, code_of(refused)) == (401, "idp_initiated")
    assert written(tenant_a) == before
    accepted = opened.come_back(in_response_to="", relay="/app/profile/")
    assert (accepted.status_code, accepted["Location"]) == (302, "/app/profile/")


def test_only_metadata_of_this_space_is_served(
    tenant_a: Any, tenant_b: Any, connect: Any, client_for: Any
) -> None:
    connect(tenant_a)
    page = client_for(tenant_a).get("/accounts/saml/campus/metadata/?download")
    assert page["Content-Disposition"] == 'attachment; filename="campus-metadata.xml"'
    assert f"http://{tenant_a.primary_host}/accounts/saml/campus/acs/" in page.content.decode()
    for step in ("metadata/", "login/", "acs/finish/", "sls/"):
        assert client_for(tenant_b).get(f"/accounts/saml/campus/{step}").status_code == 404


def test_signing_out_goes_through_the_provider(
    tenant_a: Any, connect: Any, walk: Any, inside: Any
) -> None:
    from tests.core.sso.saml.conftest import leaving_to
    from tremplin.sso.saml import keys

    connect(tenant_a, domains=("campus.example",))
    browser = walk(tenant_a)
    browser.begin()
    browser.come_back()
    url = leaving_to(browser.client.post("/accounts/logout/"))
    asked = request_of(url)
    assert not browser.is_signed_in()
    assert url.startswith("https://idp.example/slo?")
    assert ">marc-0001</saml:NameID>" in asked["xml"]
    assert "<samlp:SessionIndex>session-1</samlp:SessionIndex>" in asked["xml"]
    with inside(tenant_a):
        assert is_signed_by(url, keys.ensure_current().certificate)
    sls = f"{browser.base}/sls/"
    back = browser.idp.logout_response(sls, asked["id"])
    answer = browser.client.get(back.removeprefix(browser.home))
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    again = browser.client.get(back.removeprefix(browser.home))
    assert (again.status_code, code_of(again)) == (400, "bad_logout")


def test_the_provider_signs_a_person_out(tenant_a: Any, connect: Any, walk: Any) -> None:
    connect(tenant_a, domains=("campus.example",))
    browser = walk(tenant_a)
    browser.begin()
    browser.come_back()
    sls = f"{browser.base}/sls/"
    home = browser.home
    wrong = {
        "unsigned": browser.idp.logout_request(sls, "marc-0001", signed=False),
        "other key": browser.idp.logout_request(sls, "marc-0001", key=make_key("thief")),
        "expired": browser.idp.logout_request(sls, "marc-0001", end=-60),
    }
    for url in wrong.values():
        answer = browser.client.get(url.removeprefix(home))
        assert (answer.status_code, code_of(answer)) == (400, "bad_logout")
        assert browser.is_signed_in()
    other = browser.client.get(browser.idp.logout_request(sls, "somebody-else").removeprefix(home))
    assert other.status_code == 302
    assert browser.is_signed_in()
    answer = browser.client.get(browser.idp.logout_request(sls, "marc-0001").removeprefix(home))
    assert answer.status_code == 302
    assert not browser.is_signed_in()
    told = request_of(answer["Location"])
    assert told["kind"] == "{urn:oasis:names:tc:SAML:2.0:protocol}LogoutResponse"
    assert "status:Success" in told["xml"]
    assert "Signature" in told
