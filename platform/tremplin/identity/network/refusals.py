"""Answers to an address outside the list (403) and to too many requests (429), to whom asks."""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import HttpHeaders
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tremplin.identity import identity_settings
from tremplin.kernel import audit, throttle
from tremplin.kernel.cache import CacheUnavailable
from tremplin.kernel.request_id import current_request_id

MACHINES = ("/api/", "/scim/", "/_allauth/")
SCIM_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
DEFAULT_WAIT = 60


def network_refused(request: HttpRequest) -> HttpResponse:
    """Answer 403: the address is outside the networks of the space.

    Says which address was seen and whom to ask. The refusal is recorded once an hour per address.
    """
    address = request.META.get("REMOTE_ADDR", "")
    _record(address)
    with translation.override(_language(request)):
        detail = _("This space cannot be reached from your network (%(address)s).") % {
            "address": address or "?"
        }
        if request.path_info.startswith(MACHINES):
            return _machine(request, 403, "network_not_allowed", detail, {"address": address})
        context = {
            "address": address,
            "contact_email": identity_settings.current().contact_email,
            "request_id": current_request_id.get(),
        }
        response = render(request, "identity/network_refused.html", context, status=403)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Language"] = translation.get_language() or settings.LANGUAGE_CODE
    return response


def too_many_requests(request: HttpRequest, retry_after: int = DEFAULT_WAIT) -> HttpResponse:
    """Answer 429 with ``Retry-After`` (s), as a page or as a problem, in the reader's language."""
    wait = max(1, retry_after)
    detail = _("Too many requests.") + " " + _wait_in_words(wait)
    if request.path_info.startswith(MACHINES):
        response = _machine(request, 429, "too_many_requests", detail, {"retry_after": wait})
    else:
        context = {"wait": _wait_in_words(wait), "request_id": current_request_id.get()}
        response = render(request, "identity/too_many_requests.html", context, status=429)
    response.headers["Retry-After"] = str(wait)
    response.headers["Cache-Control"] = "no-store"
    return response


def _wait_in_words(seconds: int) -> str:
    if seconds < 90:
        return ngettext(
            "Try again in %(count)s second.", "Try again in %(count)s seconds.", seconds
        ) % {"count": seconds}
    minutes = math.ceil(seconds / 60)
    return ngettext(
        "Try again in %(count)s minute.", "Try again in %(count)s minutes.", minutes
    ) % {"count": minutes}


def _machine(
    request: HttpRequest, status: int, code: str, detail: str, extra: dict[str, Any]
) -> HttpResponse:
    if request.path_info.startswith("/scim/"):
        body: dict[str, Any] = {"schemas": [SCIM_ERROR], "status": str(status), "detail": detail}
        kind = "application/scim+json"
    else:
        body = {
            "type": "about:blank",
            "status": status,
            "code": code,
            "detail": detail,
            "request_id": current_request_id.get(),
            **extra,
        }
        kind = "application/problem+json"
    response = JsonResponse(body, status=status, content_type=kind)
    response.headers["Cache-Control"] = "no-store"
    return response


def _record(address: str) -> None:
    try:
        known = throttle.hit("network.refused", address, limit=1, seconds=3600)
        full = known or throttle.hit("network.refused", "", limit=200, seconds=3600)
    except CacheUnavailable:
        return  # without a count the log could be flooded
    if full is None:
        with audit.actor(None, "anonymous", address):
            audit.record("security.network_refused")


def _language(request: HttpRequest) -> str:
    """Return the language of a visitor who is known by nothing yet: cookie, browser, space."""
    from tremplin.identity.middleware import supported

    code = supported(request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, ""))
    for part in HttpHeaders(request.META).get("Accept-Language", "").split(","):
        code = code or supported(part.split(";")[0].strip())
    return code or supported(request.tenant.locale) or settings.LANGUAGE_CODE  # type: ignore[attr-defined]
