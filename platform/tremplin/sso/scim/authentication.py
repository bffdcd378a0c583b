"""Who calls the SCIM service: a static key or an application, with the scope ``scim``."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from scim2_models import ForbiddenException, SCIMException, UnauthorizedException

from tremplin.api.http import SAFE_METHODS
from tremplin.identity.api_access import clients, keys
from tremplin.kernel import entitled, throttle
from tremplin.sso.scim import limits

SCOPE = "scim"
MAX_TOKEN = 4_096


class TooManyCalls(SCIMException):
    """The caller goes too fast. HTTP status 429, with ``Retry-After``."""

    status = 429
    _default_detail = "Too many requests"

    def __init__(self, retry_after: int) -> None:
        super().__init__(detail=_("Too many requests: wait and try again."))
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Caller:
    """Who was recognised: ``code`` names the key or application in the audit log."""

    code: str
    creator: UUID


def authenticate(request: HttpRequest) -> Caller:
    """Return who presents the bearer token.

    Raises ``UnauthorizedException`` (401) for a token that opens nothing in this space,
    ``ForbiddenException`` (403) for one without the scope, whose creator lost the right, or where
    the plan does not include the directory, and ``TooManyCalls`` (429).
    """
    address = request.META.get("REMOTE_ADDR", "")
    scheme, _space, presented = request.headers.get("Authorization", "").partition(" ")
    presented = presented.strip()
    caller = None
    if scheme.casefold() == "bearer" and presented and len(presented) <= MAX_TOKEN:
        caller = _by_key(presented, address) or _by_application(presented)
    if caller is None:
        slow = throttle.hit("scim-failed", address, limit=limits.FAILURES_PER_MINUTE, seconds=60)
        if slow is not None:
            raise TooManyCalls(slow.retry_after)
        raise UnauthorizedException(
            detail=_("This token opens nothing here: check it, or create a new one.")
        )
    slow = throttle.hit("scim", caller.code, limit=limits.CALLS_PER_MINUTE, seconds=60)
    if slow is not None:
        raise TooManyCalls(slow.retry_after)
    _check_plan(request)
    return caller


def _check_plan(request: HttpRequest) -> None:
    """Refuse the directory where the plan does not include it; a suspended plan may be read."""
    found = entitled.check("scim.enabled")
    if found.allowed or (found.reason == "suspended" and request.method in SAFE_METHODS):
        return
    raise ForbiddenException(detail=entitled.refusal("scim.enabled", found).detail)


def _by_key(presented: str, address: str) -> Caller | None:
    key = keys.authenticate(presented, address)
    if key is None:
        return None
    if not keys.allows(key, SCOPE):
        raise _out_of_scope()
    return Caller(f"key:{key.prefix}", key.created_by_id)


def _by_application(presented: str) -> Caller | None:
    """Accept an access token of client credentials: it speaks for no person."""
    if presented.startswith(f"{keys.MARK}_"):
        return None
    grant = clients.authenticate(presented)
    if grant is None:
        return None
    if not grant.allows(SCOPE):
        raise _out_of_scope()
    return Caller(f"app:{grant.client.pk}"[:120], grant.person.pk)


def _out_of_scope() -> ForbiddenException:
    return ForbiddenException(
        detail=_(
            "This token may not manage people: it needs the scope scim, and its creator the right "
            "to set up single sign-on."
        )
    )
