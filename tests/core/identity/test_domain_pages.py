"""Own domains: added, proved, made main, removed; never those of another space."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenants import domains, registry
from tenants.context import public, public_write
from tenants.errors import HostTaken
from tenants.models import Domain
from tremplin.identity.views.domains import reason_in_words
from tremplin.kernel.models import AuditEvent

pytestmark = pytest.mark.django_db
PAGE = "/console/security/domains/"
HOST = "campus.zephyr.example"


def _one(host: str = HOST) -> Domain:
    return Domain.objects.get(domain=host)


def _alter(host: str, **values: Any) -> None:
    with public(), public_write("tests"):
        Domain.objects.filter(domain=host).update(**values)


def _kinds(inside: Any, tenant: Any) -> list[tuple[str, str]]:
    with inside(tenant):
        rows = AuditEvent.objects.filter(kind__startswith="security.domain").order_by("id")
        return [(row.kind, row.data["host"]) for row in rows]


@pytest.fixture
def leads_here(monkeypatch: Any) -> Iterator[None]:
    """Let every host lead to a server that passes the question on to the platform's answer."""
    from django.test import RequestFactory

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            request = RequestFactory().get(self.path, headers={"host": self.headers["Host"]})
            request.META["HTTP_HOST"] = self.headers["Host"]
            domain = known.get(self.headers["Host"])
            wanted = request.path.removeprefix(domains.CHALLENGE_PATH)
            body = domain[1] if domain and domain[0] == wanted else ""
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            return None

    # The server's thread sees another transaction: it is told what the platform would answer.
    known: dict[str, tuple[str, str]] = {}

    def address(host: str) -> str:
        row = Domain.objects.get(domain=host)
        known[host] = (str(row.uuid), row.verification_token)
        return f"http://127.0.0.1:{server.server_address[1]}"

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(domains, "_public_address", address)
    yield
    server.shutdown()
    server.server_close()


def test_a_domain_from_first_word_to_removal(
    as_admin: Any, tenant_a: Any, inside: Any, leads_here: None
) -> None:
    before = tenant_a.primary_host
    assert as_admin.post(PAGE, {"host": " Campus.Zephyr.example. "}).status_code == 302
    domain = _one()
    page = as_admin.get(PAGE).content.decode()
    assert f'value="{HOST}."' in page or f"{HOST}." in page
    assert f"http://{HOST}{domains.CHALLENGE_PATH}{domain.uuid}" in page
    assert f"{before}." in page
    assert registry.by_host(HOST) is None
    as_admin.post(f"{PAGE}{domain.uuid}/primary/")
    assert _one().is_primary is False
    as_admin.post(f"{PAGE}{domain.uuid}/check/")
    assert _one().verified_at is not None
    found = registry.by_host(HOST)
    assert found is not None
    assert found.pk == tenant_a.pk
    as_admin.post(f"{PAGE}{domain.uuid}/primary/")
    assert _one().is_primary is True
    as_admin.post(f"{PAGE}{domain.uuid}/remove/")
    assert _one().is_primary is True
    as_admin.post(f"{PAGE}{_one(before).uuid}/primary/")
    as_admin.post(f"{PAGE}{domain.uuid}/remove/")
    assert Domain.objects.filter(domain=HOST).count() == 0
    assert registry.by_host(HOST) is None
    assert _kinds(inside, tenant_a) == [
        ("security.domain_added", HOST),
        ("security.domain_verified", HOST),
        ("security.domain_primary", HOST),
        ("security.domain_primary", before),
        ("security.domain_removed", HOST),
    ]


def test_a_domain_of_another_space_is_never_taken_nor_touched(
    as_admin: Any, client_for: Any, tenant_a: Any, tenant_b: Any, admin_b: Any, inside: Any
) -> None:
    own = domains.add(tenant_b, HOST)
    as_admin.cookies["language"] = "en"
    refused = as_admin.post(PAGE, {"host": HOST})
    assert refused.status_code == 422
    assert "already belongs to a space" in refused.content.decode()
    assert _one().tenant_id == tenant_b.pk
    for action in ("check", "primary", "remove"):
        assert as_admin.post(f"{PAGE}{own.uuid}/{action}/").status_code == 404
    assert Domain.objects.filter(pk=own.pk, verified_at=None).count() == 1
    assert HOST not in as_admin.get(PAGE).content.decode()
    assert HOST in client_for(tenant_b, admin_b).get(PAGE).content.decode()
    assert _kinds(inside, tenant_a) == []


def test_a_name_that_was_not_proved_for_a_week_is_free(
    as_admin: Any, tenant_a: Any, tenant_b: Any
) -> None:
    domains.add(tenant_b, HOST)
    _alter(HOST, created_at=timezone.now() - timedelta(days=6, hours=23))
    assert as_admin.post(PAGE, {"host": HOST}).status_code == 422
    _alter(HOST, created_at=timezone.now() - timedelta(days=7, hours=1))
    assert as_admin.post(PAGE, {"host": HOST}).status_code == 302
    assert _one().tenant_id == tenant_a.pk
    _alter(HOST, created_at=timezone.now() - timedelta(days=70), verified_at=timezone.now())
    with pytest.raises(HostTaken):
        domains.add(tenant_b, HOST)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "school",
        "http://campus.school.example",
        "campus.school.example:8000",
        "campus school.example",
        "192.0.2.7",
        "[2001:db8::1]",
        "evil.localhost",
        "localhost",
        "-campus.school.example",
        "x" * 300 + ".example",
        "campus.school.example/path",
    ],
)
def test_what_is_no_domain_is_refused(as_admin: Any, tenant_a: Any, host: str) -> None:
    before = Domain.objects.count()
    assert as_admin.post(PAGE, {"host": host}).status_code == 422
    assert Domain.objects.count() == before


def test_an_international_name_is_kept_in_ascii_and_read_in_letters(as_admin: Any) -> None:
    assert as_admin.post(PAGE, {"host": "école.example"}).status_code == 302
    assert _one("xn--cole-9oa.example").domain == "xn--cole-9oa.example"
    page = as_admin.get(PAGE).content.decode()
    assert "école.example" in page


def test_a_check_that_fails_says_why(as_admin: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(
        domains.socket, "getaddrinfo", lambda *args, **kwargs: [(2, 1, 6, "", ("10.0.0.8", 80))]
    )
    as_admin.cookies["language"] = "en"
    as_admin.post(PAGE, {"host": HOST})
    page = as_admin.post(f"{PAGE}{_one().uuid}/check/", follow=True).content.decode()
    assert f"{HOST} is not proved yet: the name leads to a private address" in page
    assert _one().verified_at is None


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("[Errno -2] Name or service not known", "no DNS record yet"),
        ("it leads to a private address", "private address"),
        ("another site answered", "another site answers"),
        ("HTTP Error 404: Not Found", "not as this platform"),
        ("<urlopen error timed out>", "does not answer on port 80"),
        ("<urlopen error [Errno 111] Connection refused>", "refuses connections"),
        ("something else", "something else"),
    ],
)
def test_reasons_are_said_in_words(reason: str, words: str) -> None:
    from django.utils import translation

    with translation.override("en"):
        assert words in reason_in_words(reason)


def test_a_space_has_twenty_domains_at_most(as_admin: Any, tenant_a: Any) -> None:
    for number in range(20 - Domain.objects.filter(tenant_id=tenant_a.pk).count()):
        domains.add(tenant_a, f"n{number}.school.example")
    assert as_admin.post(PAGE, {"host": HOST}).status_code == 422
    assert Domain.objects.filter(tenant_id=tenant_a.pk).count() == 20


def test_the_address_given_by_the_platform_stays(as_admin: Any, tenant_a: Any) -> None:
    row = _one(tenant_a.primary_host)
    _alter(row.domain, is_primary=False)
    as_admin.post(f"{PAGE}{row.uuid}/remove/")
    assert Domain.objects.filter(pk=row.pk).count() == 1


def test_the_page_is_for_who_sets_the_rules(
    client_for: Any, tenant_a: Any, learner_a: Any, make_person: Any
) -> None:
    manager = make_person(tenant_a, "manager@mecaformation.example", "manager")
    for person, status in ((learner_a, 403), (manager, 403), (None, 302)):
        assert client_for(tenant_a, person).get(PAGE).status_code == status
        assert client_for(tenant_a, person).post(PAGE, {"host": HOST}).status_code == status
    assert Domain.objects.filter(domain=HOST).count() == 0
