"""People, providers and real peers of the tests of OpenID Connect."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.support.peers import OpenIdPeer, openid_peer

SLUG = "annuaire"


@pytest.fixture
def client_for(client_for: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``client_for(tenant, person=None)``: a browser that reads English."""

    def make(tenant: Any, person: Any = None) -> Any:
        client = client_for(tenant, person)
        client.cookies["language"] = "en"
        return client

    return make


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",  # of the base database
    ]


@pytest.fixture
def admin_a(tenant_a: Any, make_person: Any) -> Any:
    return make_person(tenant_a, "nadia@mecaformation.example", "admin", first_name="Nadia")


@pytest.fixture
def admin_b(tenant_b: Any, make_person: Any) -> Any:
    return make_person(tenant_b, "nadia@mecaformation.example", "admin", first_name="Nadia")


@pytest.fixture(scope="module")
def peer() -> Iterator[OpenIdPeer]:
    """A real OpenID provider that two schools may be registered at."""
    hosts = ("mecaformation.localhost", "lycee.localhost")
    path = f"/accounts/oidc/{SLUG}/login/callback/"
    with openid_peer([f"http://{host}{path}" for host in hosts]) as running:
        yield running


@pytest.fixture
def connect(inside: Any, peer: OpenIdPeer) -> Callable[..., Any]:
    """Return ``connect(tenant, **values)``: a connection of the space to the peer, switched on."""
    from tremplin.sso import services

    def make(tenant: Any, *, active: bool = True, **values: Any) -> Any:
        with inside(tenant):
            connection = services.create_oidc(
                "generic",
                services.OidcValues(
                    **{
                        "label": "Annuaire",
                        "client_id": peer.client_id,
                        "secret": peer.secret,
                        "server_url": peer.issuer,
                        "default_role": "learner",
                        **values,
                    }
                ),
            )
            services.set_active(connection, active)
            return connection

    return make


@pytest.fixture
def prove(inside: Any) -> Callable[[Any, str], None]:
    """Return ``prove(tenant, domain)``: the space has proven that the mail domain is its own."""
    from django.utils import timezone

    from tremplin.sso.models import EmailDomain

    def make(tenant: Any, domain: str) -> None:
        with inside(tenant):
            EmailDomain.objects.create(domain=domain, verified_at=timezone.now())

    return make


@dataclass
class Walk:
    """A browser between a space (its test client) and the peer (real requests)."""

    client: Any
    peer: OpenIdPeer
    tenant: Any

    @property
    def session(self) -> dict[str, Any]:
        """What the space remembers of this browser."""
        from tenants.context import use

        with use(self.tenant):
            return dict(self.client.session.items())

    def leave(self, *, process: str = "login", slug: str = SLUG) -> str:
        """Press the button and return the address at the provider."""
        page = self.client.post(f"/accounts/oidc/{slug}/login/", {"process": process})
        assert page.status_code == 200, page.content.decode()[-2000:]
        found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.content.decode())
        assert found
        return html.unescape(found[1])

    def come_back(self, target: str) -> str:
        """Follow the provider to the address it sends people back to."""
        browser = requests.Session()
        url = target
        for _step in range(10):
            answer = browser.get(url, allow_redirects=False, timeout=10)
            url = requests.compat.urljoin(url, answer.headers.get("Location", ""))
            url = url.replace(f"127.0.0.1:{self.peer.port}", urlsplit(self.peer.issuer).netloc)
            if not urlsplit(url).netloc.startswith("idp.localhost"):
                return url
        raise AssertionError(f"the peer never came back: {answer.text[:500]}")

    def arrive(self, url: str) -> Any:
        """Open the return address in the space."""
        parts = urlsplit(url)
        return self.client.get(f"{parts.path}?{parts.query}")

    def sign_in(self, **options: Any) -> Any:
        """Walk the whole way and return the last answer."""
        return self.arrive(self.come_back(self.leave(**options)))

    def email(self) -> str:
        """Return the address of whoever is signed in, an empty string for nobody."""
        answer = self.client.get("/api/v1/me")
        return str(answer.json()["email"]) if answer.status_code == 200 else ""


@pytest.fixture
def walk(client_for: Any, peer: OpenIdPeer) -> Callable[..., Walk]:
    """Return ``walk(tenant, person=None)``: a browser in front of a space and of the peer."""
    return lambda tenant, person=None: Walk(client_for(tenant, person), peer, tenant)


def parameters(url: str) -> dict[str, str]:
    """Return the query of ``url``, one value per name."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def refusal(answer: Any) -> str:
    """Return the words of the refusal page."""
    found = re.search(r'data-testid="sso-refused"[^>]*>([^<]+)<', answer.content.decode())
    assert found, answer.content.decode()[-1500:]
    return html.unescape(found[1])
