"""Which browsers a person signed in with before: a cookie of the space, no record of anybody.

The cookie holds one mark per person who signed in with this browser, so that a shared computer
announces itself once to each. It opens nothing: without it a person receives one more message.
"""

from __future__ import annotations

from typing import Any

from allauth.core.internal.httpkit import is_headless_request
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.crypto import salted_hmac

from tremplin.identity import mfa
from tremplin.identity.internal import browsers
from tremplin.identity.models import User
from tremplin.kernel.current import tenant_key
from tremplin.kernel.signing import TenantSigner

PURPOSE = "identity.device"
MAX_AGE = 365 * 24 * 3600  # seconds
MAX_MARKS = 20


def cookie_name() -> str:
    """Return the name of the cookie; the prefix keeps sibling spaces from setting it."""
    return "__Host-device" if settings.SESSION_COOKIE_SECURE else "device"


def _mark(person: User) -> str:
    value = f"{tenant_key()}:{person.pk}"
    return salted_hmac("tremplin.identity.device", value, algorithm="sha256").hexdigest()[:16]


def _marks(request: HttpRequest) -> list[str]:
    signed = request.COOKIES.get(cookie_name(), "")
    text = TenantSigner().unsign(PURPOSE, signed, max_age=MAX_AGE)
    return text.split(".") if text else []


def note(request: HttpRequest, response: HttpResponseBase, person: User, *, quiet: bool) -> None:
    """Remember this browser for ``person``; unless ``quiet``, mail her when it is a new one.

    Applications that keep no cookies and visits of support are no devices.
    """
    if is_headless_request(request) == "app" or mfa.SUPPORT_SESSION_KEY in request.session:
        return
    mark, known = _mark(person), _marks(request)
    if mark not in known and not quiet:
        _announce(request, person)
    marks = [mark, *(other for other in known if other != mark)][:MAX_MARKS]
    response.set_cookie(
        cookie_name(),
        TenantSigner().sign(PURPOSE, ".".join(marks)),
        max_age=MAX_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _announce(request: HttpRequest, person: User) -> None:
    from tremplin.api import services
    from tremplin.api.tasks import enqueue
    from tremplin.identity import tasks

    address: Any = request.META.get("REMOTE_ADDR", "")
    services.audit().record("security.new_device", target=f"person:{person.pk}")
    enqueue(
        tasks.send_device_notice,
        person=str(person.pk),
        at=timezone.now().isoformat(),
        address=address,
        user_agent=browsers.shortened(request.META.get("HTTP_USER_AGENT", "")),
    )
