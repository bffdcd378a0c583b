"""What the plan of the current space includes, asked by the layers that lie below licensing.

Everything is included where nothing is sold. A plan never closes the owner's own way in, nor the
export of the space's data: those are not asked here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from tremplin.api import Decision, Problem, services
from tremplin.api.http import SAFE_METHODS
from tremplin.kernel.current import current_tenant

F = TypeVar("F", bound=Callable[..., Any])
NOT_INCLUDED = "not_entitled"


def check(feature: str) -> Decision:
    """Return what the plan says of ``feature`` now; outside a space everything is allowed."""
    if current_tenant.get() is None:
        return Decision(True, "unlimited")
    return services.entitlements().check(feature)


def allows(feature: str) -> bool:
    """Tell whether the plan includes ``feature`` and may be used fully (not suspended)."""
    return check(feature).allowed


def includes(feature: str) -> bool:
    """Tell whether ``feature`` stays open for reading.

    A suspended plan is read-only: people still come in the way they always did.
    """
    found = check(feature)
    return found.allowed or found.reason == "suspended"


def require(feature: str) -> None:
    """Raise ``Problem`` 402 ``not_entitled`` or ``suspended`` when the plan says no."""
    found = check(feature)
    if not found.allowed:
        raise refusal(feature, found)


def refusal(feature: str, found: Decision) -> Problem:
    """Return why ``feature`` is closed, with the way to the plans."""
    detail = (
        _("The plan of this space is suspended: everything can be read, nothing changed.")
        if found.reason == "suspended"
        else _("The plan of this space does not include this.")
    )
    code = "suspended" if found.reason == "suspended" else NOT_INCLUDED
    return Problem(402, code, detail, {"feature": feature, "upgrade_url": found.upgrade_url})


def seat_problem(module: str, person: UUID | None) -> Problem | None:
    """Return why ``person`` may not use a module whose places are given one by one, else None."""
    if person is None or services.entitlements().has_seat(module, person):
        return None
    return Problem(
        403,
        "seat_needed",
        _("Your space gives the seats of this module one by one: ask for one."),
        {"module": module},
    )


def needs_feature(feature: str) -> Callable[[F], F]:
    """Show the view only when the plan includes ``feature``; put it below ``guarded``.

    Otherwise the page says so, with a link to the plans (402). In a suspended plan, reading stays
    open.
    """

    def decorate(function: F) -> F:
        @wraps(function)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            found = check(feature)
            reading = found.reason == "suspended" and request.method in SAFE_METHODS
            if found.allowed or reading:
                return function(request, *args, **kwargs)
            return page(request, feature, found)

        return inner  # type: ignore[return-value]

    return decorate


def page(request: HttpRequest, feature: str, found: Decision) -> HttpResponse:
    """Return the page that says what the plan does not include (402)."""
    problem = refusal(feature, found)
    context = {
        "page_title": _("Not in your plan"),
        "feature": feature,
        "detail": problem.detail,
        "upgrade_url": found.upgrade_url,
        "suspended": problem.code == "suspended",
    }
    return HttpResponse(
        render_to_string("licensing/not_included.html", context, request), status=402
    )
