"""Answers that must open nothing: each with its status, its reason, and nothing written."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.core.sso.saml.conftest import MAIL, code_of, message_of
from tests.support.saml_idp import (
    NAMES,
    encode,
    make_key,
    wrapped,
)

pytestmark = pytest.mark.django_db
UNTRUSTED = "The answer of your organisation could not be trusted. Tell your administrator."
LATE = "The answer of your organisation came too late. Sign in again."
UNEXPECTED = (
    "This answer belongs to no sign-in that you began in this browser, or it was used already. "
    "Sign in again."
)

WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "audience of another": (
        {"audience": "https://other.example/metadata/"}, "audience", UNTRUSTED
    ),
    "no audience": ({"audience": ""}, "audience", UNTRUSTED),
    "recipient of another": ({"recipient": "https://other.example/acs/"}, "recipient", UNTRUSTED),
    "recipient that holds ours": (
        {"recipient": "https://evil.example/?http://mecaformation.localhost/accounts/saml/campus/acs/"},
        "recipient",
        UNTRUSTED,
    ),
    "destination of another": (
        {"destination": "https://other.example/acs/"}, "destination", UNTRUSTED
    ),
    "destination that begins like ours": (
        {"destination": "http://mecaformation.localhost/accounts/saml/campus/acs/../evil"},
        "destination",
        UNTRUSTED,
    ),
    "no destination": ({"destination": ""}, "destination", UNTRUSTED),
    "expired": ({"not_on_or_after": -200, "not_before": -900}, "not_on_or_after", LATE),
    "confirmation expired": ({"confirmation_end": -5}, "confirmation_end", LATE),
    "not yet valid": (
        {"not_before": 200},
        "not_before",
        "The answer of your organisation is dated in the future: a clock is wrong. Tell your "
        "administrator.",
    ),
    "nothing signed": (
        {"signs_message": False, "signs_assertion": False}, "message_signature", UNTRUSTED
    ),
    "message not signed": ({"signs_message": False}, "message_signature", UNTRUSTED),
    "assertion not signed": ({"signs_assertion": False}, "assertion_signature", UNTRUSTED),
    "key of somebody else": ({"key": make_key("thief")}, "certificate", UNTRUSTED),
    "issuer of another": ({"issuer": "https://evil.example"}, "issuer", UNTRUSTED),
    "refused by the provider": (
        {"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"},
        "status",
        "Your organisation did not sign you in.",
    ),
    "answers two requests": (
        {"confirmation_in_response_to": "_another"}, "in_response_to", UNTRUSTED
    ),
    "identifier of one day": (
        {
            "name_id_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
            "attributes": [(MAIL, "mail", ["marc@campus.example"])],
        },
        "identifier",
        UNTRUSTED,
    ),
    "no address": (
        {"attributes": [("urn:oid:2.5.4.42", "", ["Marc"])]},
        "email",
        "Your organisation does not give us your e-mail address. Tell your administrator.",
    ),
    "address that is none": (
        {"attributes": [(MAIL, "mail", ["marc at campus"])]},
        "email",
        "Your organisation does not give us your e-mail address. Tell your administrator.",
    ),
    "endless identifier": (
        {"name_id": "x" * 192, "attributes": [(MAIL, "mail", ["marc@campus.example"])]},
        "identifier",
        UNTRUSTED,
    ),
}  # fmt: skip


@pytest.fixture
def campus(tenant_a: Any, connect: Any, walk: Any, make_person: Any, written: Any) -> Any:
    """A browser that began a sign-in, and a check that nothing came of it."""
    connect(tenant_a, domains=("campus.example",))
    make_person(tenant_a, "victim@campus.example", "admin")
    browser = walk(tenant_a)
    browser.begin()
    before = written(tenant_a)
    yield browser
    assert written(tenant_a) == before
    assert not browser.is_signed_in()


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_opens_nothing(name: str, campus: Any) -> None:
    values, code, message = WRONG[name]
    answer = campus.come_back(**values)
    assert (answer.status_code, code_of(answer), message_of(answer)) == (401, code, message)


def test_a_tampered_answer_opens_nothing(campus: Any) -> None:
    document = campus.idp.document(campus.answer())
    value = document.find(".//saml:Attribute[@FriendlyName='mail']/saml:AttributeValue", NAMES)
    value.text = "victim@campus.example"
    answer = campus.post(encode(document))
    assert (answer.status_code, code_of(answer)) == (401, "message_signature")


@pytest.mark.parametrize("variant", range(1, 9))
def test_a_rewrapped_answer_opens_nothing(variant: int, campus: Any) -> None:
    document = campus.idp.document(campus.answer())
    forged = wrapped(document, variant, "victim-0001", "victim@campus.example")
    assert b"victim@campus.example" in base64.b64decode(encode(forged))
    answer = campus.post(encode(forged))
    assert answer.status_code == 401
    assert message_of(answer) == UNTRUSTED


@pytest.mark.parametrize(
    ("variant", "unsigned"),
    [(variant, "signs_message") for variant in range(3, 9)]
    + [(variant, "signs_assertion") for variant in (1, 2)],
)
def test_a_rewrapped_part_opens_nothing_when_the_other_is_not_signed(
    variant: int,
    unsigned: str,
    tenant_b: Any,
    connect: Any,
    walk: Any,
    make_person: Any,
    written: Any,
) -> None:
    connect(tenant_b, domains=("campus.example",), **{unsigned: False})
    make_person(tenant_b, "victim@campus.example")
    browser = walk(tenant_b)
    browser.begin()
    before = written(tenant_b)
    document = browser.idp.document(browser.answer(**{unsigned: False}))
    answer = browser.post(encode(wrapped(document, variant, "victim-1", "victim@campus.example")))
    assert answer.status_code == 401
    assert written(tenant_b) == before


def test_a_comment_does_not_cut_an_identifier_or_an_address(
    tenant_a: Any, connect: Any, walk: Any, make_person: Any, inside: Any
) -> None:
    """Signatures ignore comments: a text must be read whole, not up to the comment."""
    from allauth.socialaccount.models import SocialAccount

    connect(tenant_a, domains=("campus.example",))
    victim = make_person(tenant_a, "victim@campus.example")
    browser = walk(tenant_a)
    browser.begin()
    document = browser.idp.document(
        browser.answer(
            name_id="victim.evil",
            attributes=[(MAIL, "mail", ["victim@campus.example.evil.example"])],
        )
    )
    text = base64.b64decode(encode(document)).decode()
    text = text.replace("victim.evil<", "victim<!-- -->.evil<").replace(
        "campus.example.evil.example<", "campus.example<!-- -->.evil.example<"
    )
    answer = browser.post(base64.b64encode(text.encode()).decode())
    assert answer.status_code == 302
    with inside(tenant_a):
        linked = SocialAccount.objects.get()
        assert linked.uid == "victim.evil"
        assert linked.user_id != victim.pk
        assert linked.user.email == "victim@campus.example.evil.example"
        assert not linked.user.emailaddress_set.get().verified
    assert not browser.is_signed_in()  # an address of a domain that is not ours is confirmed first


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>', "dtd"),
        (b'<!DOCTYPE r SYSTEM "http://127.0.0.1:1/x.dtd"><r/>', "dtd"),
        (
            b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
            b"]><r>&b;</r>",
            "dtd",
        ),
        (b"<r>", "not_xml"),
        (b"", "no answer"),
        (b"\xff\xfe\x00", "not_xml"),
    ],
)
def test_hostile_xml_is_refused(document: bytes, reason: str, campus: Any) -> None:
    answer = campus.post(base64.b64encode(document).decode())
    expected = (400, "no_answer") if reason == "no answer" else (401, "format")
    assert (answer.status_code, code_of(answer)) == expected


def test_an_answer_without_base64_or_too_big_is_refused(campus: Any) -> None:
    answer = campus.post("§§§")
    assert (answer.status_code, code_of(answer)) == (401, "format")
    answer = campus.post("A" * 350_001)
    assert (answer.status_code, code_of(answer)) == (413, "too_big")
    answer = campus.client.get("/accounts/saml/campus/acs/finish/")
    assert (answer.status_code, code_of(answer)) == (400, "no_answer")


def test_an_answer_is_used_once(tenant_a: Any, connect: Any, walk: Any, written: Any) -> None:
    connect(tenant_a, domains=("campus.example",))
    browser = walk(tenant_a)
    browser.begin()
    encoded = browser.idp.encoded(browser.answer())
    assert browser.post(encoded).status_code == 302
    before = written(tenant_a)
    again = browser.post(encoded)
    assert (again.status_code, code_of(again)) == (403, "unexpected")
    assert message_of(again) == UNEXPECTED
    thief = walk(tenant_a)
    stolen = thief.post(encoded)
    assert (stolen.status_code, code_of(stolen)) == (403, "unexpected")
    assert not thief.is_signed_in()
    assert written(tenant_a) == before


def test_an_unasked_answer_is_used_once(
    tenant_a: Any, connect: Any, walk: Any, written: Any
) -> None:
    connect(tenant_a, domains=("campus.example",), idp_initiated=True)
    browser, thief = walk(tenant_a), walk(tenant_a)
    encoded = browser.idp.encoded(browser.answer(in_response_to=""))
    assert browser.post(encoded).status_code == 302
    before = written(tenant_a)
    again = thief.post(encoded)
    assert (again.status_code, code_of(again)) == (403, "replayed")
    assert message_of(again) == "This answer was used already. Sign in again."
    assert not thief.is_signed_in()
    assert written(tenant_a) == before


def test_the_answer_to_a_request_of_another_browser_opens_nothing(
    tenant_a: Any, connect: Any, walk: Any, written: Any
) -> None:
    connect(tenant_a, domains=("campus.example",), idp_initiated=True)
    victim, attacker = walk(tenant_a), walk(tenant_a)
    victim.begin()
    attacker.begin()
    before = written(tenant_a)
    answer = victim.post(attacker.idp.encoded(attacker.answer()))
    assert (answer.status_code, code_of(answer)) == (403, "unexpected")
    assert not victim.is_signed_in()
    assert written(tenant_a) == before


@pytest.mark.parametrize("asked", [True, False])
def test_the_answer_for_another_space_opens_nothing(
    asked: bool, tenant_a: Any, tenant_b: Any, connect: Any, walk: Any, written: Any
) -> None:
    """Both spaces know the same provider: only the audience and the addresses tell them apart."""
    for tenant in (tenant_a, tenant_b):
        connect(tenant, domains=("campus.example",), idp_initiated=True)
    here, there = walk(tenant_a), walk(tenant_b)
    for mine, other in ((here, there), (there, here)):
        if asked:
            mine.begin()
            other.begin()
        before = written(other.tenant)
        answer = other.post(
            mine.idp.encoded(mine.answer(**({} if asked else {"in_response_to": ""})))
        )
        assert (answer.status_code, code_of(answer)) == (401, "destination")
        loose = mine.answer(
            destination=other.acs,
            recipient=other.acs,
            in_response_to=other.sent.get("id", "") if asked else "",
        )
        answer = other.post(mine.idp.encoded(loose))
        assert (answer.status_code, code_of(answer)) == (401, "audience")
        assert not other.is_signed_in()
        assert written(other.tenant) == before


@pytest.mark.parametrize("state", ["suspended", "expired", "removed"])
def test_a_closed_account_stays_closed(
    state: str, tenant_a: Any, connect: Any, walk: Any, inside: Any, written: Any
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from tremplin.identity import services
    from tremplin.identity.models import User

    connect(tenant_a, domains=("campus.example",))
    browser = walk(tenant_a)
    browser.begin()
    browser.come_back()
    with inside(tenant_a):
        person = User.objects.get(email="marc@campus.example")
        if state == "suspended":
            services.suspend(person, "test")
        elif state == "expired":
            User.objects.filter(pk=person.pk).update(expires_at=timezone.now() - timedelta(days=1))
        else:
            person.removed_at = timezone.now()
            person.is_active = False
            person.save()
    browser = walk(tenant_a)
    browser.begin()
    before = written(tenant_a)
    answer = browser.come_back()
    assert answer.status_code == 403
    assert written(tenant_a) == before
    assert not browser.is_signed_in()


def test_the_owner_is_never_found_by_her_address(
    tenant_a: Any, connect: Any, walk: Any, written: Any, inside: Any
) -> None:
    from tremplin.identity.models import SpaceOwner

    with inside(tenant_a):
        owner = SpaceOwner.objects.get().person.email
    connect(tenant_a, domains=(owner.partition("@")[2],))
    browser = walk(tenant_a)
    browser.begin()
    before = written(tenant_a)
    answer = browser.come_back(attributes=[(MAIL, "mail", [owner])])
    assert answer.status_code == 403
    assert written(tenant_a) == before
    assert not browser.is_signed_in()


def test_an_unproven_domain_finds_no_account(
    tenant_a: Any, connect: Any, walk: Any, written: Any, make_person: Any
) -> None:
    make_person(tenant_a, "marc@campus.example", "admin")
    connect(tenant_a, domains=("other.example",))
    browser = walk(tenant_a)
    browser.begin()
    before = written(tenant_a)
    answer = browser.come_back()
    assert answer.status_code == 403
    assert written(tenant_a) == before
    assert not browser.is_signed_in()


def test_a_connection_that_is_off_opens_nothing(
    tenant_a: Any, connect: Any, walk: Any, written: Any
) -> None:
    connect(tenant_a, domains=("campus.example",), active=False, idp_initiated=True)
    browser = walk(tenant_a)
    before = written(tenant_a)
    assert browser.client.post("/accounts/saml/campus/login/").status_code == 404
    assert browser.come_back(in_response_to="").status_code == 404
    assert written(tenant_a) == before


def test_no_creation_where_the_space_says_so(
    tenant_a: Any, connect: Any, walk: Any, written: Any
) -> None:
    connect(tenant_a, domains=("campus.example",), creates_people=False)
    browser = walk(tenant_a)
    browser.begin()
    before = written(tenant_a)
    answer = browser.come_back()
    assert answer.status_code == 403
    assert written(tenant_a) == before


def test_refusals_are_security_events(campus: Any, inside: Any) -> None:
    from tremplin.kernel.models import AuditEvent

    campus.come_back(audience="https://other.example")
    with inside(campus.tenant):
        event = AuditEvent.objects.filter(kind="security.sso_refused").latest("id")
        assert event.data == {"slug": "campus", "code": "audience"}


def test_a_reader_of_the_answer_needs_no_sha1(tenant_a: Any, connect: Any, walk: Any) -> None:
    """Algorithms that are broken are not accepted even from the right key."""
    connect(tenant_a, domains=("campus.example",))
    browser = walk(tenant_a)
    browser.begin()
    document = browser.idp.document(browser.answer())
    text = base64.b64decode(encode(document)).decode()
    text = text.replace(
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
    )
    answer = browser.post(base64.b64encode(text.encode()).decode())
    assert (answer.status_code, code_of(answer)) == (401, "message_signature")


def test_an_answer_stripped_of_its_request_is_not_an_unasked_one(
    tenant_a: Any, connect: Any, walk: Any, written: Any
) -> None:
    """Where the message is not signed, a thief may remove ``InResponseTo`` from it."""
    connect(tenant_a, domains=("campus.example",), signs_message=False, idp_initiated=True)
    victim, thief = walk(tenant_a), walk(tenant_a)
    victim.begin()
    document = victim.idp.document(victim.answer(signs_message=False))
    del document.attrib["InResponseTo"]
    before = written(tenant_a)
    answer = thief.post(encode(document))
    assert (answer.status_code, code_of(answer)) == (401, "in_response_to")
    assert not thief.is_signed_in()
    assert written(tenant_a) == before


def test_a_stranger_cannot_connect_an_identity_to_anybody(
    tenant_a: Any, connect: Any, walk: Any, written: Any
) -> None:
    connect(tenant_a, domains=("campus.example",))
    browser = walk(tenant_a)
    browser.begin(process="connect")
    before = written(tenant_a)
    answer = browser.come_back()
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/3rdparty/")
    assert written(tenant_a) == before
    assert not browser.is_signed_in()


def test_a_person_connects_her_own_identity(
    tenant_a: Any, connect: Any, walk: Any, written: Any, make_person: Any, inside: Any
) -> None:
    """Her address is of no proven domain: she links the identity herself, signed in."""
    from allauth.socialaccount.models import SocialAccount

    person = make_person(tenant_a, "marc@private.example", "coach")
    connect(tenant_a)
    browser = walk(tenant_a, person)
    browser.begin(process="connect")
    people, addresses, linked = written(tenant_a)
    assert browser.come_back().status_code == 302
    assert written(tenant_a) == (people, addresses, linked + 1)
    with inside(tenant_a):
        assert SocialAccount.objects.get().user_id == person.pk


@pytest.mark.parametrize("path", ["a.b/acs/", "é/acs/", "a.b/acs/finish/", "a.b/sls/"])
def test_a_name_that_no_connection_has_keeps_nothing(
    path: str, tenant_a: Any, client_for: Any, inside: Any
) -> None:
    """The library's own addresses take more names than ours and would store any body."""
    from django.contrib.sessions.models import Session

    with inside(tenant_a):
        before = Session.objects.count()
    answer = client_for(tenant_a).post(f"/accounts/saml/{path}", {"SAMLResponse": "A" * 400_000})
    assert answer.status_code == 404
    with inside(tenant_a):
        assert Session.objects.count() == before


def test_big_answers_are_counted_apart(tenant_a: Any, connect: Any, client_for: Any) -> None:
    connect(tenant_a)
    client = client_for(tenant_a)

    def send(size: int) -> int:
        answer = client.post("/accounts/saml/campus/acs/", {"SAMLResponse": "A" * size})
        return int(answer.status_code)

    assert [send(60_001) for _answer in range(31)] == [302] * 30 + [429]
    assert send(60_000) == 302
