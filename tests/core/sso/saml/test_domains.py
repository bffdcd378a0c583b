"""Mail domains of a space, and the sign-in that an organisation makes mandatory."""

from __future__ import annotations

import html
import re
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dns.message
import dns.resolver
import dns.rrset
import pytest
from django.utils import timezone

from tests.core.sso.saml.conftest import speak_english
from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db
PAGE = "/console/sso/domains/"


@pytest.fixture
def admin(tenant_a: Any, make_person: Any, client_for: Any) -> Any:
    person = make_person(tenant_a, "nadia@mecaformation.example", "admin", locale="en")
    return speak_english(client_for(tenant_a, person))


def text_of(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def code_in(mail: Any) -> str:
    found = re.search(r"\b([A-Z2-9]{5}-[A-Z2-9]{5})\b", mail.body)
    assert found is not None, mail.body
    return found[1]


def test_a_code_sent_to_the_domain_proves_it(
    tenant_a: Any, tenant_b: Any, admin: Any, inside: Any, mailoutbox: list[Any]
) -> None:
    from tremplin.sso.models import EmailDomain
    from tremplin.sso.selectors import proven_domains

    answer = admin.post(PAGE, {"domain": " Marc@École-Garnier.example "})
    assert answer["Location"] == f"{PAGE}xn--cole-garnier-9db.example/"
    where = answer["Location"]
    admin.post(where, {"action": "send", "mailbox": "postmaster"})
    assert [mail.to for mail in mailoutbox] == [["postmaster@xn--cole-garnier-9db.example"]]
    code = code_in(mailoutbox[0])
    with inside(tenant_a):
        row = EmailDomain.objects.get()
        assert re.fullmatch("[0-9a-f]{64}", row.code_hash)
        assert code.replace("-", "") not in row.code_hash
    refused = admin.post(where, {"action": "code", "code": "AAAAA-AAAAA"})
    assert refused.status_code == 422
    assert "The code is not right." in text_of(refused)
    done = admin.post(where, {"action": "code", "code": code.lower()}, follow=True)
    assert "is proven" in text_of(done)
    with inside(tenant_a):
        assert proven_domains() == {"xn--cole-garnier-9db.example"}
        assert EmailDomain.objects.get().code_hash == ""
    with inside(tenant_b):
        assert proven_domains() == frozenset()


def test_a_code_takes_five_attempts_and_an_hour(
    tenant_a: Any, admin: Any, inside: Any, mailoutbox: list[Any]
) -> None:
    from tremplin.sso.models import EmailDomain

    admin.post(PAGE, {"domain": "garnier.example"})
    where = f"{PAGE}garnier.example/"
    admin.post(where, {"action": "send", "mailbox": "admin"})
    code = code_in(mailoutbox[-1])
    for _attempt in range(5):
        assert admin.post(where, {"action": "code", "code": "WRONG"}).status_code == 422
    late = admin.post(where, {"action": "code", "code": code})
    assert late.status_code == 422
    assert "This code is over." in text_of(late)
    admin.post(where, {"action": "send", "mailbox": "admin"})
    code = code_in(mailoutbox[-1])
    with inside(tenant_a):
        EmailDomain.objects.update(code_expires_at=timezone.now() - timedelta(seconds=1))
    assert "This code is over." in text_of(admin.post(where, {"action": "code", "code": code}))
    with inside(tenant_a):
        assert EmailDomain.objects.get().verified_at is None


def test_a_code_of_another_space_or_domain_proves_nothing(
    tenant_a: Any, tenant_b: Any, admin: Any, client_for: Any, make_person: Any, inside: Any,
    mailoutbox: list[Any],
) -> None:  # fmt: skip
    from tremplin.sso.selectors import proven_domains

    other = speak_english(
        client_for(tenant_b, make_person(tenant_b, "nadia@lycee.example", "admin"))
    )
    for client in (admin, other):
        client.post(PAGE, {"domain": "garnier.example"})
        client.post(f"{PAGE}garnier.example/", {"action": "send", "mailbox": "admin"})
    mine, theirs = (code_in(mail) for mail in mailoutbox)
    assert (
        other.post(f"{PAGE}garnier.example/", {"action": "code", "code": mine}).status_code == 422
    )
    assert (
        admin.post(f"{PAGE}garnier.example/", {"action": "code", "code": theirs}).status_code == 422
    )
    for tenant in (tenant_a, tenant_b):
        with inside(tenant):
            assert proven_domains() == frozenset()


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ("gmail.com", "Everybody can have an address in gmail.com"),
        ("someone@Outlook.com", "Everybody can have an address in outlook.com"),
        ("localhost", "This is not a domain."),
        ("-bad-.example", "This is not a domain."),
        ("10.0.0.1", "This is not a domain."),
        ("a b.example", "This is not a domain."),
        ("x" * 250 + ".example", "at most 253 characters"),
    ],
)
def test_what_is_no_domain_of_a_space_is_refused(
    domain: str, message: str, tenant_a: Any, admin: Any, inside: Any
) -> None:
    from tremplin.sso.models import EmailDomain

    answer = admin.post(PAGE, {"domain": domain})
    assert answer.status_code == 422
    assert message in text_of(answer)
    with inside(tenant_a):
        assert EmailDomain.objects.count() == 0


def test_an_address_with_a_nul_is_refused(admin: Any) -> None:
    assert admin.get(f"{PAGE}%00/").status_code == 400


def test_mails_are_limited_and_go_to_known_mailboxes_only(
    admin: Any, mailoutbox: list[Any]
) -> None:
    admin.post(PAGE, {"domain": "garnier.example"})
    where = f"{PAGE}garnier.example/"
    bad = admin.post(where, {"action": "send", "mailbox": "marc"})
    assert (bad.status_code, len(mailoutbox)) == (422, 0)
    for _mail in range(10):
        assert admin.post(where, {"action": "send", "mailbox": "admin"}).status_code == 302
    refused = admin.post(where, {"action": "send", "mailbox": "admin"})
    assert (refused.status_code, len(mailoutbox)) == (422, 10)
    assert "Too many codes were sent." in text_of(refused)


class NameServer:
    """A DNS server of one thread that knows a few TXT records."""

    def __init__(self) -> None:
        self.records: dict[str, str] = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                data, peer = self.socket.recvfrom(2048)
            except OSError:
                return
            query = dns.message.from_wire(data)
            answer = dns.message.make_response(query)
            name = query.question[0].name
            text = self.records.get(name.to_text(omit_final_dot=True))
            if text is None:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            else:
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", f'"{text}"'))
            self.socket.sendto(answer.to_wire(), peer)


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """A real server; the resolver of the product is only told where it is."""
    server = NameServer()
    plain = dns.resolver.Resolver

    def resolver() -> Any:
        found = plain(configure=False)
        found.nameservers, found.port = ["127.0.0.1"], server.port
        return found

    monkeypatch.setattr(dns.resolver, "Resolver", resolver)
    yield server
    server.socket.close()


def test_a_record_proves_a_domain_of_this_space_only(
    tenant_a: Any, tenant_b: Any, admin: Any, client_for: Any, make_person: Any, inside: Any,
    name_server: NameServer,
) -> None:  # fmt: skip
    from tremplin.sso import email_domains
    from tremplin.sso.selectors import proven_domains

    admin.post(PAGE, {"domain": "garnier.example"})
    where = f"{PAGE}garnier.example/"
    assert "not visible yet" in text_of(admin.post(where, {"action": "record"}))
    with inside(tenant_a):
        value = email_domains.record_value("garnier.example")
    with inside(tenant_b):
        assert email_domains.record_value("garnier.example") != value
    name_server.records["_tremplin-mail.garnier.example"] = "tremplin-mail=0000"
    assert admin.post(where, {"action": "record"}).status_code == 422
    name_server.records["_tremplin-mail.garnier.example"] = value
    other = client_for(tenant_b, make_person(tenant_b, "nadia@lycee.example", "admin"))
    other.post(PAGE, {"domain": "garnier.example"})
    assert other.post(where, {"action": "record"}).status_code == 422
    assert admin.post(where, {"action": "record"}).status_code == 302
    with inside(tenant_a):
        assert proven_domains() == {"garnier.example"}


# --- the mandatory sign-in -------------------------------------------------------------------------


def sign_in(client: Any, email: str) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": PASSWORD})


@pytest.fixture
def campus(tenant_a: Any, connect: Any, make_person: Any, inside: Any) -> Any:
    """A tested connection with people in and out of the proven domain."""
    from tremplin.sso.models import Connection

    made = connect(tenant_a, domains=("campus.example",))
    with inside(tenant_a):
        Connection.objects.update(last_test_at=timezone.now())
        made.refresh_from_db()
    for email in ("marc@campus.example", "guest@elsewhere.example"):
        make_person(tenant_a, email)
    return made


def test_mandatory_sign_in_closes_the_password_of_proven_addresses(
    tenant_a: Any, admin: Any, campus: Any, client_for: Any, mailoutbox: list[Any]
) -> None:
    answer = admin.post("/console/sso/saml/campus/switch/", {"action": "enforce"}, follow=True)
    assert "This sign-in is mandatory now." in text_of(answer)
    visitor = speak_english(client_for(tenant_a))
    for email in ("marc@campus.example", "nobody@campus.example"):
        refused = sign_in(visitor, email)
        assert "Your organisation asks you to sign in with Campus." in text_of(refused)
        assert "_auth_user_id" not in refused.cookies
    before = len(mailoutbox)
    visitor.post("/accounts/password/reset/", {"email": "marc@campus.example"})
    assert [mail for mail in mailoutbox[before:] if "/reset/" in mail.body] == []
    assert sign_in(visitor, "guest@elsewhere.example").status_code == 302


def test_mandatory_for_everybody_leaves_the_owner_in(
    tenant_a: Any, tenant_b: Any, admin: Any, campus: Any, client_for: Any, inside: Any,
    make_person: Any,
) -> None:  # fmt: skip
    from tremplin.identity.models import SpaceOwner
    from tremplin.identity.sign_in_rules import METHODS, refusal

    admin.post("/console/sso/saml/campus/switch/", {"action": "enforce", "scope": "everybody"})
    with inside(tenant_a):
        owner = SpaceOwner.objects.get().person
        owner.set_password(PASSWORD)
        owner.save()
        for method in METHODS:
            assert refusal(owner.email, method) is None
            found = refusal("guest@elsewhere.example", method)
            assert found is not None
            assert found.url == "/accounts/saml/campus/login/"
    make_person(tenant_b, "guest@elsewhere.example")
    assert sign_in(client_for(tenant_b), "guest@elsewhere.example").status_code == 302
    assert sign_in(client_for(tenant_a), owner.email).status_code == 302
    admin.post("/console/sso/saml/campus/switch/", {"action": "release"})
    assert sign_in(client_for(tenant_a), "guest@elsewhere.example").status_code == 302


def test_the_password_form_hides_behind_a_link_for_the_owner(
    tenant_a: Any, tenant_b: Any, admin: Any, campus: Any, client_for: Any
) -> None:
    admin.post("/console/sso/saml/campus/switch/", {"action": "enforce"})
    visitor = speak_english(client_for(tenant_a))
    page = visitor.get("/accounts/login/").content.decode()
    assert 'data-testid="login-form"' in page  # proven domains only: the others need it
    admin.post("/console/sso/saml/campus/switch/", {"action": "enforce", "scope": "everybody"})
    page = visitor.get("/accounts/login/?next=/app/quiz/").content.decode()
    assert "Your organisation asks you to sign in with Campus." in page
    assert 'action="/accounts/saml/campus/login/"' in page
    assert 'href="/accounts/login/?password=1&amp;next=/app/quiz/"' in page
    for hidden in ("login-form", "login-password", "login-passkey", "login-forgot", "login-signup"):
        assert f'data-testid="{hidden}"' not in page, hidden
    opened = visitor.get("/accounts/login/?password=1&next=/app/quiz/").content.decode()
    assert 'data-testid="login-form"' in opened
    assert 'name="next" value="/app/quiz/"' in opened
    # What was typed comes back with its error, not with the form hidden again.
    refused = sign_in(visitor, "guest@elsewhere.example").content.decode()
    assert 'data-testid="login-form"' in refused
    assert "Your organisation asks you to sign in with Campus." in refused
    other = client_for(tenant_b).get("/accounts/login/").content.decode()
    assert 'data-testid="login-form"' in other


def test_a_missing_library_locks_nobody_out(
    tenant_a: Any, admin: Any, campus: Any, client_for: Any, settings: Any
) -> None:
    admin.post("/console/sso/saml/campus/switch/", {"action": "enforce", "scope": "everybody"})
    settings.SAML_AVAILABLE = False
    assert sign_in(client_for(tenant_a), "marc@campus.example").status_code == 302


def test_nothing_becomes_mandatory_before_it_worked(
    tenant_a: Any, admin: Any, connect: Any, inside: Any
) -> None:
    from tremplin.sso.models import Connection

    made = connect(tenant_a, active=False)
    where = "/console/sso/saml/campus/switch/"

    def enforce() -> str:
        return text_of(admin.post(where, {"action": "enforce"}, follow=True))

    assert "Switch the connection on first." in enforce()
    admin.post(where, {"action": "on"})
    assert "Run a successful test first" in enforce()
    with inside(tenant_a):
        Connection.objects.filter(pk=made.pk).update(last_test_at=timezone.now())
    assert "Prove a mail domain first" in enforce()
    with inside(tenant_a):
        assert not Connection.objects.get(pk=made.pk).is_enforced


def test_the_last_domain_of_a_rule_stays(
    tenant_a: Any, admin: Any, campus: Any, inside: Any
) -> None:
    from tremplin.sso.models import EmailDomain

    admin.post("/console/sso/saml/campus/switch/", {"action": "enforce"})
    where = f"{PAGE}campus.example/"
    refused = admin.post(where, {"action": "remove"})
    assert refused.status_code == 422
    assert "Lift that rule first." in text_of(refused)
    admin.post("/console/sso/saml/campus/switch/", {"action": "off"})
    assert admin.post(where, {"action": "remove"})["Location"] == PAGE
    with inside(tenant_a):
        assert EmailDomain.objects.count() == 0
