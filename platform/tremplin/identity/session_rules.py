"""What a signed-in session must respect at each request: idle time, second factor, open methods."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tremplin.identity import identity_settings, mfa

# Written at most every half minute: a session ends that much later than its last request at most.
ACTIVITY_KEY = "last_activity"
ACTIVITY_STEP = 30  # seconds
# What a person without her mandatory second factor may still reach: how to set one up, the exit.
FREE_PREFIXES = (
    "/accounts/2fa/",
    "/accounts/logout/",
    "/accounts/reauthenticate/",
    "/brand/",
    "/health/",
    "/legal/",
    "/preferences/",
    "/static/",
    "/theme/",
)
FREE_HEADLESS = ("/account/authenticators", "/auth/session", "/auth/reauthenticate", "/config")
PASSKEY_VIEWS = frozenset({"mfa_add_webauthn", "mfa_login_webauthn"})
CODE_VIEWS = frozenset({"account_request_login_code", "account_confirm_login_code"})
HEADLESS_CODE_VIEWS = frozenset({"request_login_code", "confirm_login_code", "resend_login_code"})


def idle_seconds(session: Any, now: float) -> float:
    """Return how long ago the session made a request (0 when it was never noted)."""
    seen = session.get(ACTIVITY_KEY)
    return max(0.0, now - seen) if isinstance(seen, int | float) else 0.0


def idle_refusal(request: HttpRequest) -> HttpResponse | None:
    """End a session that did nothing for longer than the space allows, else note its activity."""
    minutes = identity_settings.current().idle_minutes
    session: Any = request.session
    if not minutes:
        return None
    now = time.time()
    idle = idle_seconds(session, now)
    if idle <= minutes * 60 + ACTIVITY_STEP:
        if ACTIVITY_KEY not in session or idle >= ACTIVITY_STEP:
            session[ACTIVITY_KEY] = int(now)
        return None
    _record_idle(request.user, minutes)
    logout(request)
    text = ngettext(
        "You were signed out after %(minutes)s minute without activity. Sign in again to go on.",
        "You were signed out after %(minutes)s minutes without activity. Sign in again to go on.",
        minutes,
    ) % {"minutes": minutes}
    if _is_api(request):
        return _problem(401, "session_idle", text)
    messages.info(request, text)
    back = request.get_full_path() if request.method in {"GET", "HEAD"} else "/app/"
    if request.headers.get("HX-Request"):
        back = "/app/"
    return _send_to(request, f"{reverse('account_login')}?{urlencode({'next': back})}")


def _record_idle(person: Any, minutes: int) -> None:
    from tremplin.api import services

    services.audit().record(
        "security.session_idle", target=f"person:{person.pk}", data={"minutes": minutes}
    )


def second_factor_refusal(request: HttpRequest) -> HttpResponse | None:
    """Send to enrolment whoever lacks the second factor that her roles require."""
    path = request.path
    if path.startswith(FREE_PREFIXES):
        return None
    if path.startswith("/_allauth/") and path.split("/v1", 1)[-1].startswith(FREE_HEADLESS):
        return None
    if not mfa.must_enrol(request.user, request.session):  # type: ignore[arg-type]
        return None
    if _is_api(request):
        return _problem(403, "mfa_required", "Set up a second factor first.")
    return _send_to(request, enrolment_url())


def enrolment_url() -> str:
    """Return the page where a mandatory second factor is set up."""
    return reverse("mfa_activate_totp")


def closed_method(request: HttpRequest) -> HttpResponse | None:
    """Refuse the pages of a way to sign in that the space switched off."""
    match = request.resolver_match
    if match is None:
        return None
    policy = identity_settings.current()
    name, headless = match.url_name or "", match.view_name.startswith("headless:")
    if not policy.passkeys and (
        name in PASSKEY_VIEWS
        or (headless and name == "login_webauthn")
        or (headless and name == "manage_webauthn" and request.method in {"GET", "POST"})
    ):
        return _closed(request, headless, _("This space does not use passkeys. Sign in otherwise."))
    if not policy.login_by_code and (
        name in CODE_VIEWS or (headless and name in HEADLESS_CODE_VIEWS)
    ):
        return _closed(
            request, headless, _("This space sends no codes. Sign in with your password.")
        )
    return None


def _closed(request: HttpRequest, headless: bool, text: str) -> HttpResponse:
    if headless:
        return _problem(403, "method_closed", text)
    messages.error(request, text)
    target = "mfa_index" if request.user.is_authenticated else "account_login"
    return HttpResponseRedirect(reverse(target))


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/_allauth/", "/scim/"))


def _send_to(request: HttpRequest, url: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = url
        return response
    return HttpResponseRedirect(url)


def _problem(status: int, code: str, detail: str) -> HttpResponse:
    titles = {401: "Unauthorized", 403: "Forbidden"}
    return JsonResponse(
        {
            "type": "about:blank",
            "title": titles[status],
            "status": status,
            "code": code,
            "detail": detail,
        },
        status=status,
        content_type="application/problem+json",
    )
