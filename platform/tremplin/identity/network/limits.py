"""How often each sensitive address of a space may be asked: one table, one middleware.

Counted per space, then per person or per address, in fixed windows (``kernel.throttle``). The
limits per account (wrong passwords, codes) are those of the sign-in library; those per API key are
counted where the key is known. What is counted per address is generous: a classroom shares one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse

from tremplin.identity.network.refusals import too_many_requests
from tremplin.kernel import throttle
from tremplin.kernel.cache import CacheUnavailable

WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
READING = frozenset({"GET", "HEAD"})
EVERY = WRITING | READING


@dataclass(frozen=True, slots=True)
class Limit:
    """``limit`` calls in ``seconds``, for each person (address when nobody signed in) or address.

    ``names`` is matched in full with the name of the URL, ``prefix`` begins the path, ``parameter``
    must be present and filled in: each part that is empty matches everything.
    """

    scope: str
    limit: int
    seconds: int
    by: Literal["address", "person"]
    methods: frozenset[str] = WRITING
    names: str = ""
    prefix: str = ""
    parameter: str = ""

    def concerns(self, request: HttpRequest, name: str) -> bool:
        """Tell whether the request counts."""
        return (
            request.method in self.methods
            and request.path_info.startswith(self.prefix)
            and (not self.names or re.fullmatch(self.names, name) is not None)
            and (not self.parameter or bool(request.GET.get(self.parameter, "").strip()))
        )


# The first that concerns a request counts, and only that one.
LIMITS: tuple[Limit, ...] = (
    Limit("token", 600, 60, "address", prefix="/identity/o/"),
    Limit("headless", 600, 60, "address", prefix="/_allauth/"),
    Limit("api", 6000, 60, "address", EVERY, prefix="/api/"),
    Limit("scim", 6000, 60, "address", EVERY, prefix="/scim/"),
    # Each asks the platform for its description before it answers.
    Limit("sso.start", 300, 60, "address", READING, names="sso:start"),
    Limit("accounts", 300, 60, "address", prefix="/accounts/"),
    Limit("audit.check", 20, 3600, "person", names="people:audit_verify"),
    Limit("fetch", 30, 60, "person", names=r"people:domains?(_check)?|sso.*:.*(doctor|fetch).*"),
    Limit("export", 60, 3600, "person", EVERY, names=r"people:(export|\w+_export)"),
    Limit("archive", 20, 3600, "person", names=r"operations:export|privacy:.*export.*"),
    Limit("search", 120, 60, "person", READING, parameter="q"),
)


def limit_of(request: HttpRequest, name: str) -> Limit | None:
    """Return the limit that counts this request, if any."""
    return next((limit for limit in LIMITS if limit.concerns(request, name)), None)


class LimitMiddleware:
    """Answers 429 beyond the limit; stands last, where the person and the language are known."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Count the request once its address is resolved."""
        match = request.resolver_match
        if getattr(request, "tenant", None) is None or match is None:
            return None
        limit = limit_of(request, match.view_name or "")
        if limit is None:
            return None
        try:
            over = throttle.hit(
                f"door.{limit.scope}",
                _counted(request, limit),
                limit=limit.limit,
                seconds=limit.seconds,
            )
        except CacheUnavailable:
            return None  # the doors themselves count in the same cache and answer 503
        return too_many_requests(request, over.retry_after) if over is not None else None


def _counted(request: HttpRequest, limit: Limit) -> str:
    if limit.by == "person" and request.user.is_authenticated:
        return f"person:{request.user.pk}"
    return f"address:{request.META.get('REMOTE_ADDR', '')}"
