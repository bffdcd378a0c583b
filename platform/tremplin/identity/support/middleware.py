"""Keeps visits of support inside their bounds: one middleware before the person is known, one after.

The first ends the visit or takes rights away before anything reads them; the second says who
really acts, and closes the doors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils.translation import gettext as _

from tenants import registry
from tremplin.api.http import ACCESS_ATTRIBUTE
from tremplin.identity.backends import RoleBackend
from tremplin.identity.models import SupportAccess
from tremplin.identity.support import closed, ending, running
from tremplin.kernel import audit
from tremplin.kernel.middleware import extend_policy

GetResponse = Callable[[HttpRequest], HttpResponse]
ENDED = "support_ended"  # in the session that follows a visit: why it ended, and the way back
# What a page that is already open may still fetch after the end of the visit.
PASSIVE = ("/brand/", "/health/", "/preferences/", "/support/ended/", "/theme/")


def go_to(request: HttpRequest, url: str) -> HttpResponse:
    """Send the browser to ``url``; htmx is told to leave the page."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def leave(request: HttpRequest, visit: SupportAccess, cause: str) -> None:
    """End ``visit`` for ``cause`` and forget its session; the next page says what happened."""
    address = request.META.get("REMOTE_ADDR", "")
    with audit.actor(visit.viewer_account, "support", address):
        ending.finish(visit, cause)
    request.session.flush()
    request.session[ENDED] = {"cause": cause, "url": ending.return_url(visit)}
    request.user = AnonymousUser()


class SupportVisitMiddleware:
    """Ends a visit that may not go on; takes the closed rights from one that may.

    Stands between the authentication and whatever reads rights.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set ``request.support_visit`` (None outside a visit)."""
        request.support_visit = None  # type: ignore[attr-defined]
        key = request.session.get(running.SESSION_NAME)
        if key is None:
            return self.get_response(request)
        visit = running.visit_of(key)
        if visit is None:
            request.session.flush()
            request.user = AnonymousUser()
            return self.get_response(request)
        user: Any = request.user
        cause = running.cause_of_end(visit)
        if not cause and (not user.is_authenticated or user.pk != visit.person_id):
            cause = "person"
        if cause:
            leave(request, visit, cause)
            if request.path.startswith(("/api/", *PASSIVE)):
                return self.get_response(request)
            return go_to(request, resolve_url("support:ended"))
        user._perm_cache = RoleBackend().get_all_permissions(user) - closed.CLOSED_PERMISSIONS
        request.support_visit = visit  # type: ignore[attr-defined]
        visit.seconds_left = running.seconds_left(visit)  # type: ignore[attr-defined]
        response = self.get_response(request)
        # No copy of what was seen stays in the browser once the visit is over.
        response.headers["Cache-Control"] = "no-store"
        home = ending.home_of(visit)
        if home is not None:  # «Stop» leads there after a form
            extend_policy(response, form_action=[registry.absolute_url(home, "")])
        return response


class SupportActorMiddleware:
    """Writes the visitor as the author of everything, and closes what no visit opens."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request of a visit in the visitor's name."""
        visit = getattr(request, "support_visit", None)
        if visit is None:
            return self.get_response(request)
        with audit.actor(visit.viewer_account, "support", request.META.get("REMOTE_ADDR", "")):
            return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Refuse a closed address; signing out stops the visit."""
        visit = getattr(request, "support_visit", None)
        if visit is None:
            return None
        if request.path == closed.LOGOUT and request.method == "POST":
            url = ending.return_url(visit)
            leave(request, visit, "stopped")
            return go_to(request, url)
        access = getattr(view, ACCESS_ATTRIBUTE, None)
        match = request.resolver_match
        name = (match.url_name if match is not None else "") or ""
        if closed.is_closed(request.path, name, access.permission if access else ""):
            return _refusal(request)
        return None


def _refusal(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(("/api/", "/_allauth/", "/scim/")):
        body = {
            "type": "about:blank",
            "title": _("This is closed during a visit of support."),
            "status": 403,
            "code": "support_closed",
        }
        return JsonResponse(body, status=403, content_type="application/problem+json")
    return render(request, "identity/support/closed.html", {}, status=403)
