"""Who calls the API: one list of authenticators per module, the first that answers wins.

The session comes first. A call with an ``Authorization`` header never falls back on the session: a
wrong key is refused even in the browser of someone who is signed in.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from ninja.errors import HttpError, Throttled
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from tremplin.api.http import SAFE_METHODS, Principal, Problem
from tremplin.kernel import entitled, gate, throttle
from tremplin.kernel.current import tenant_required

CORE = frozenset({"billing", "identity"})  # no switch: always on


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls per minute: of one key, of one application, of one person, and of the whole space."""

    key: int = 60
    client: int = 60
    person: int = 300
    anonymous: int = 60
    tenant: int = 3000


def limits() -> Limits:
    """Return the limits of the current space (``API_LIMITS`` replaces some of them)."""
    return Limits(**getattr(settings, "API_LIMITS", {}))


def authorization(request: HttpRequest) -> tuple[str, str]:
    """Return the scheme in lower case and the credential of the ``Authorization`` header."""
    scheme, _space, credential = request.headers.get("Authorization", "").strip().partition(" ")
    return scheme.lower(), credential.strip()


def bearer(request: HttpRequest) -> str:
    """Return the bearer credential of a call, or an empty text."""
    scheme, credential = authorization(request)
    return credential if scheme == "bearer" else ""


class ModuleAuth(AuthBase):
    """One way to sign in to the operations of one module, behind that module's switch."""

    openapi_type: str = "http"

    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__()

    @abstractmethod
    def identify(self, request: HttpRequest) -> Principal | None:
        """Return who calls, None when she does not use this way, and set ``request.ctx``.

        Raises ``Problem`` when the credential is good but may not be used.
        """

    def __call__(self, request: HttpRequest) -> Principal | None:
        """Return the caller.

        Raises 404 when the module is off, 402 for a write when it is read-only, 429 beyond a limit.
        """
        mode = "on" if self.slug in CORE else gate.mode(tenant_required(), self.slug)
        if mode == "off":
            raise Http404("module is off")
        principal = self.identify(request)
        if principal is None:
            return None
        if principal.kind in {"key", "client"}:
            _check_plan(request)
        _count(principal)
        if mode == "read_only" and request.method not in SAFE_METHODS:
            raise read_only_problem()
        if principal.kind == "person" and self.slug not in CORE:
            if seat := entitled.seat_problem(self.slug, principal.person):
                raise seat
        request.principal = principal  # type: ignore[attr-defined]
        request.api_module = self.slug  # type: ignore[attr-defined]
        return principal


class SessionAuth(ModuleAuth):
    """The session cookie of the space's own pages; what changes anything needs the CSRF token."""

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_name = settings.SESSION_COOKIE_NAME
    openapi_description = (
        "The session of the space's own pages. Calls that change anything also need the header "
        "X-CSRFToken."
    )

    def identify(self, request: HttpRequest) -> Principal | None:
        """Return the person of the session. Raises 403 ``csrf_failed``."""
        if "Authorization" in request.headers:
            return None
        person = request.ctx.person  # type: ignore[attr-defined]
        if person is None:
            return None
        require_csrf(request)
        return Principal(
            kind="person",
            method="session",
            id=str(person.id),
            name=person.display_name,
            tenant=tenant_required().uuid,
            person=person.id,
        )


class Anyone(ModuleAuth):
    """The last of the list of a router that is open to everyone."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        del self.openapi_security_schema  # no credential to describe

    def identify(self, request: HttpRequest) -> Principal | None:
        """Return nobody in particular. Raises 403 ``csrf_failed``."""
        if "Authorization" in request.headers:
            return None
        require_csrf(request)
        address = request.META.get("REMOTE_ADDR", "")
        return Principal("anonymous", "none", address, "", tenant_required().uuid)


def require_csrf(request: HttpRequest) -> None:
    """Refuse a change without the CSRF token of the browser."""
    if request.method not in SAFE_METHODS and check_csrf(request) is not None:
        raise HttpError(403, "CSRF check failed")


READ_ONLY = "module_read_only"


def read_only_problem() -> Problem:
    """Return the refusal of a change in a module whose subscription has ended."""
    return Problem(
        402,
        READ_ONLY,
        _(
            "This module is read-only because its subscription has ended: everything can be read "
            "and exported, nothing can be changed."
        ),
    )


_registered: list[type[ModuleAuth]] = []


def register(authenticator: type[ModuleAuth]) -> None:
    """Add one way to sign in after those already there; call it in ``AppConfig.ready()``."""
    if authenticator not in _registered:
        _registered.append(authenticator)


def authenticators(slug: str, *, anonymous: bool = False) -> list[ModuleAuth]:
    """Return the ways to sign in to the operations of ``slug``, in the order they are tried."""
    ways = [SessionAuth(slug), *(kind(slug) for kind in _registered)]
    return [*ways, Anyone(slug)] if anonymous else ways


def _check_plan(request: HttpRequest) -> None:
    """Refuse keys and applications where the plan does not include the API (402).

    People keep the API of their own session and of the mobile application. A suspended plan may
    be read.
    """
    found = entitled.check("api.access")
    if found.allowed or (found.reason == "suspended" and request.method in SAFE_METHODS):
        return
    raise entitled.refusal("api.access", found)


def _count(principal: Principal) -> None:
    """Count one call of the caller, then of the space; raise ``Throttled`` beyond a limit."""
    allowed = limits()
    own = getattr(allowed, principal.kind)
    if principal.kind in {"key", "client"}:
        # The plan may allow more than an installation's default; None is no limit of the plan.
        planned = entitled.check("api.rate_per_min").limit
        own = max(own, planned) if planned is not None else own
    over = throttle.hit(f"api:{principal.kind}", principal.id, limit=own, seconds=60)
    if over is None:
        over = throttle.hit("api:tenant", "", limit=allowed.tenant, seconds=60)
    if over is not None:
        raise Throttled(wait=over.retry_after)
