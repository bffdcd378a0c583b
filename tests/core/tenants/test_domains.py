"""The proof of a host asks the public internet only, and the host itself only."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tenants import domains
from tenants.errors import DomainNotVerified

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


@pytest.fixture
def redirecting() -> Iterator[tuple[str, list[str]]]:
    """A host that answers every request with a redirect to itself; yields its address and visits."""
    visits: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            visits.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", visits
    server.shutdown()
    server.server_close()


def test_a_redirect_is_not_followed(
    tenant_a: TenantInfo, redirecting: tuple[str, list[str]]
) -> None:
    address, visits = redirecting
    domain = domains.add(tenant_a, "campus.school.example")
    with pytest.raises(DomainNotVerified):
        domains.verify(domain, address=address)
    assert visits == [f"{domains.CHALLENGE_PATH}{domain.uuid}"]
    domain.refresh_from_db()
    assert domain.verified_at is None


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::1"])
def test_a_name_that_leads_inside_is_refused(
    tenant_a: TenantInfo, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(
        domains.socket, "getaddrinfo", lambda *args, **kwargs: [(2, 1, 6, "", (address, 80))]
    )
    domain = domains.add(tenant_a, "campus.school.example")
    with pytest.raises(DomainNotVerified, match="private address"):
        domains.verify(domain)
