"""Who may call a page: the check behind every view of core and of plugins."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url

from tremplin.api.http import ACCESS_ATTRIBUTE, Access

F = TypeVar("F", bound=Callable[..., Any])


def guarded(permission: str = "", anonymous: bool = False) -> Callable[[F], F]:
    """Declare and enforce who may call a core view.

    With neither argument any signed-in person of the tenant may. An anonymous caller is sent to
    the sign-in page (``HX-Redirect`` for htmx); a missing right raises ``PermissionDenied``.
    """
    if permission and anonymous:
        raise ValueError("a view is either anonymous or guarded by a permission")
    access = Access(permission, anonymous)

    def decorate(function: F) -> F:
        @wraps(function)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = refuse(request, access)
            return refusal if refusal is not None else function(request, *args, **kwargs)

        setattr(inner, ACCESS_ATTRIBUTE, access)
        return inner  # type: ignore[return-value]

    return decorate


def refuse(request: HttpRequest, access: Access) -> HttpResponse | None:
    """Return the sign-in redirect when needed, None when the call may go on.

    Raises ``PermissionDenied`` when the person lacks the permission.
    """
    if access.anonymous:
        return None
    ctx = request.ctx  # type: ignore[attr-defined]
    if ctx.person is None:
        return login_redirect(request)
    if access.permission and not ctx.can(access.permission):
        raise PermissionDenied(access.permission)
    return None


def login_redirect(request: HttpRequest) -> HttpResponse:
    """Return the way to the sign-in page and back; htmx is told to load the whole page."""
    login = resolve_url(settings.LOGIN_URL)
    if request.headers.get("HX-Request") == "true":
        # A fragment has no address of its own: come back to the page that asked for it.
        current = request.headers.get("HX-Current-URL", "")
        path = "/" + current.split("/", 3)[3] if current.count("/") >= 3 else "/app/"
        return HttpResponse(
            status=204, headers={"HX-Redirect": f"{login}?{urlencode({'next': path})}"}
        )
    target = request.get_full_path() if request.method in {"GET", "HEAD"} else "/app/"
    return HttpResponseRedirect(f"{login}?{urlencode({'next': target})}")
