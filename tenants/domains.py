"""Hosts of a space: adding an own domain, proving its control, choosing the primary host.

The proof: the platform asks the host itself, over HTTP, for a token that only this platform
knows. An answer means that the name leads here, which is what the host needs anyway.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from datetime import timedelta
from http.client import HTTPException
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.utils import timezone

from tenants import registry
from tenants.context import public, public_write
from tenants.errors import DomainNotVerified, HostTaken
from tenants.models import Domain
from tenants.slugs import check_custom_host
from tremplin.kernel.current import CurrentTenant

CHALLENGE_PATH = "/.well-known/tremplin-domain/"
TIMEOUT_SECONDS = 5.0
LARGEST_ANSWER = 200
RESERVATION = timedelta(days=7)


def add(tenant: CurrentTenant, host: str) -> Domain:
    """Reserve ``host`` for ``tenant``, unverified. Raises ``InvalidHost`` or ``HostTaken``.

    A reservation that was not proved for a week is void: nobody keeps the name of somebody else.
    """
    name = check_custom_host(host)
    try:
        with public(), public_write("domain"), transaction.atomic():
            Domain.objects.filter(
                domain=name, verified_at=None, created_at__lt=timezone.now() - RESERVATION
            ).delete()
            domain: Domain = Domain.objects.create(
                tenant_id=tenant.pk, domain=name, kind=Domain.Kind.CUSTOM
            )
            return domain
    except IntegrityError:
        raise HostTaken(host=name) from None


class _NoRedirect(HTTPRedirectHandler):
    """The proof must come from the host itself: wherever else it points is not asked."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def _public_address(host: str) -> str:
    """Return where ``host`` answers, looked up once. Raises ``DomainNotVerified``.

    The platform asks addresses of the public internet only: a name that leads to its own network
    would make it read pages that its visitors cannot.
    """
    try:
        found = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)
    except OSError as error:
        raise DomainNotVerified(host=host, reason=str(error)) from None
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if not all(address.is_global for address in addresses):
        raise DomainNotVerified(host=host, reason="it leads to a private address")
    first = addresses[0]
    return f"http://[{first}]" if first.version == 6 else f"http://{first}"


def verify(domain: Domain, *, address: str = "") -> Domain:
    """Ask the host for its token and mark it verified. Raises ``DomainNotVerified``.

    ``address`` replaces ``http://<host>`` when the platform listens on another port.
    """
    url = f"{address or _public_address(domain.domain)}{CHALLENGE_PATH}{domain.uuid}"
    request = Request(url, headers={"Host": domain.domain})  # noqa: S310  scheme is ours
    try:
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS) as answer:
            said = answer.read(LARGEST_ANSWER).decode("ascii", "replace").strip()
    except (OSError, HTTPException) as error:
        raise DomainNotVerified(host=domain.domain, reason=str(error)) from None
    if not hmac.compare_digest(said.encode(), domain.verification_token.encode()):
        raise DomainNotVerified(host=domain.domain, reason="another site answered")
    with public(), public_write("domain"), transaction.atomic():
        domain.verified_at = timezone.now()
        domain.save(update_fields=["verified_at"])
        registry.bump_epoch()
    return domain


def make_primary(domain: Domain) -> Domain:
    """Use ``domain`` in links from now on. Raises ``DomainNotVerified``."""
    if domain.verified_at is None:
        raise DomainNotVerified(host=domain.domain, reason="it is not verified")
    with public(), public_write("domain"), transaction.atomic():
        Domain.objects.filter(tenant=domain.tenant_id, is_primary=True).update(is_primary=False)
        domain.is_primary = True
        domain.save(update_fields=["is_primary"])
        registry.bump_epoch()
    return domain


def remove(domain: Domain) -> None:
    """Give up a custom host; the primary one stays until another is chosen."""
    with public(), public_write("domain"), transaction.atomic():
        Domain.objects.filter(pk=domain.pk, is_primary=False).delete()
        registry.bump_epoch()


def challenge_answer(request: HttpRequest) -> HttpResponse:
    """Answer the proof for a host that waits for it; nothing else is said about the space."""
    wanted = request.path.removeprefix(CHALLENGE_PATH)
    host = registry.normal_host(request.META.get("HTTP_HOST", ""))
    domain = Domain.objects.filter(domain=host, verified_at__isnull=True).first()
    if domain is None or str(domain.uuid) != wanted:
        return HttpResponseNotFound()
    return HttpResponse(domain.verification_token, content_type="text/plain")
