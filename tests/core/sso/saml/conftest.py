"""Two schools connected to the same provider, and the walk of a browser between them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.saml_idp import Answer, Idp, request_of

MAIL = "urn:oid:0.9.2342.19200300.100.1.3"


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller keys of the same kind: making big ones takes most of a second."""
    from tremplin.sso.saml import keys

    monkeypatch.setattr(keys, "BITS", 2048)


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def idp() -> Idp:
    return Idp()


@pytest.fixture
def connect(inside: Any, idp: Idp) -> Callable[..., Any]:
    """Return ``connect(tenant, domains=…, active=…, **choices)``: a connection to the provider."""
    from django.utils import timezone

    from tremplin.sso.models import EmailDomain
    from tremplin.sso.saml import metadata, services
    from tremplin.sso.services import set_active

    def make(
        tenant: Any,
        *,
        domains: tuple[str, ...] = (),
        active: bool = True,
        document: bytes = b"",
        **changes: Any,
    ) -> Any:
        from dataclasses import replace

        with inside(tenant):
            chosen = replace(
                services.defaults_for("renater", "Campus"),
                **{"role_map": {"staff": "trainer"}, **changes},
            )
            made = services.connect(
                metadata.read(document or idp.metadata()),
                preset="renater",
                choices=chosen,
                slug="campus",
            )
            for domain in domains:
                EmailDomain.objects.create(domain=domain, verified_at=timezone.now())
            if active:
                set_active(made, True)
            return made

    return make


@dataclass
class Walk:
    """A browser of one space and the provider it goes to."""

    client: Any
    tenant: Any
    idp: Idp
    slug: str = "campus"
    sent: dict[str, str] = field(default_factory=dict)
    url: str = ""

    @property
    def home(self) -> str:
        from tenants.registry import absolute_url

        return absolute_url(self.tenant, "")

    @property
    def base(self) -> str:
        return f"{self.home}/accounts/saml/{self.slug}"

    @property
    def acs(self) -> str:
        return f"{self.base}/acs/"

    @property
    def audience(self) -> str:
        return f"{self.base}/metadata/"

    def begin(self, path: str = "", **data: str) -> dict[str, str]:
        """Press the button; return what was sent to the provider."""
        answer = self.client.post(path or f"/accounts/saml/{self.slug}/login/", data)
        assert answer.status_code == 200, answer.status_code
        self.url = leaving_to(answer)
        self.sent = request_of(self.url)
        return self.sent

    def answer(self, **values: Any) -> Answer:
        """Return a right answer to the last request, for Marc, with changes."""
        values.setdefault("acs", self.acs)
        values.setdefault("audience", self.audience)
        values.setdefault("in_response_to", self.sent.get("id", ""))
        values.setdefault(
            "attributes",
            [
                (MAIL, "mail", ["marc@campus.example"]),
                ("urn:oid:2.5.4.42", "givenName", ["Marc"]),
                ("urn:oid:2.5.4.4", "sn", ["Delmas"]),
                ("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "eduPersonAffiliation", ["staff"]),
                ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "eduPersonPrincipalName", ["marc@campus"]),
            ],
        )
        return Answer(**values)

    def post(self, encoded: str, relay: str = "") -> Any:
        """Bring an answer back and return what the browser ends on, unfollowed."""
        data = {"SAMLResponse": encoded, "RelayState": relay}
        first = self.client.post(f"/accounts/saml/{self.slug}/acs/", data)
        if first.status_code != 302:
            return first
        return self.client.get(urlsplit(first["Location"]).path)

    def come_back(self, relay: str = "", **values: Any) -> Any:
        """Sign in at the provider and come back with its answer."""
        return self.post(self.idp.encoded(self.answer(**values)), relay)

    def session(self) -> dict[str, Any]:
        """Return what the session of the browser holds."""
        from tenants.context import use

        with use(self.tenant):
            return dict(self.client.session.items())

    def sign_out(self) -> None:
        """Forget the session without telling the provider."""
        self.client.cookies.clear()
        speak_english(self.client)

    def is_signed_in(self) -> bool:
        return "_auth_user_id" in self.session()


def speak_english(client: Any) -> Any:
    """Return the client, which reads the texts of these tests."""
    client.cookies["language"] = "en"
    return client


def leaving_to(answer: Any) -> str:
    """Return where a page that leaves for another site goes."""
    text = answer.content.decode()
    found = re.search(r'http-equiv="refresh" content="\d+;\s*url=([^"]+)"', text)
    assert found is not None, text[:2000]
    return html.unescape(found[1])


@pytest.fixture
def walk(client_for: Any, idp: Idp) -> Callable[..., Walk]:
    """Return ``walk(tenant, person=None)``: a browser in front of that space."""
    return lambda tenant, person=None: Walk(speak_english(client_for(tenant, person)), tenant, idp)


@pytest.fixture
def written(inside: Any) -> Callable[[Any], tuple[int, int, int]]:
    """Return ``written(tenant)``: people, addresses and linked identities of a space."""

    def count(tenant: Any) -> tuple[int, int, int]:
        from allauth.account.models import EmailAddress
        from allauth.socialaccount.models import SocialAccount

        from tremplin.identity.models import User

        with inside(tenant):
            return (
                User.objects.count(),
                EmailAddress.objects.count(),
                SocialAccount.objects.count(),
            )

    return count


def code_of(answer: Any) -> str:
    """Return the code that a refusal shows."""
    found = re.search(r'data-testid="sso-code">([a-z_]+)<', answer.content.decode())
    return found[1] if found else ""


def message_of(answer: Any) -> str:
    """Return the sentence that a refusal shows."""
    found = re.search(r'data-testid="sso-refused">([^<]+)<', answer.content.decode())
    return html.unescape(found[1]) if found else ""
