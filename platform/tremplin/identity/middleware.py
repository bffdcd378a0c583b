"""Who is asking, in which language, with which rights: set once per request."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from tremplin.identity import mfa, session_rules
from tremplin.identity.backends import RoleBackend
from tremplin.identity.people_service import person_ref
from tremplin.kernel.cache import CacheUnavailable

GetResponse = Callable[[HttpRequest], HttpResponse]
LANGUAGES = tuple(code for code, _name in settings.LANGUAGES)
ACTIVITY_SECONDS = 300


def supported(tag: str) -> str:
    """Return the offered language of a tag (``fr-CA`` gives ``fr``), or an empty string."""
    base = tag.lower().split("-")[0]
    return base if base in LANGUAGES else ""


def _from_header(request: HttpRequest) -> str:
    for tag, _quality in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if tag == "*":
            break
        if code := supported(tag):
            return code
    return ""


class LanguageMiddleware:
    """Cookie, then ``Accept-Language`` on the operator's space only, then the space's language."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Activate the visitor's language and say which one the page speaks."""
        tenant = getattr(request, "tenant", None)
        code = supported(request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, ""))
        by_header = not code and tenant is not None and tenant.kind == "hq"
        if by_header:
            code = _from_header(request)
        if not code:
            code = supported(tenant.locale) if tenant is not None else ""
        code = code or settings.LANGUAGE_CODE
        translation.activate(code)
        request.LANGUAGE_CODE = code  # type: ignore[attr-defined]
        response = self.get_response(request)
        if by_header:
            patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", translation.get_language() or code)
        return response


class PersonMiddleware:
    """Builds ``request.ctx``, applies the person's language, time zone and second-factor policy."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request as the person of the session, or as nobody."""
        from tremplin.kernel import audit, context

        tenant = getattr(request, "tenant", None)
        if tenant is None:
            return self.get_response(request)
        user = request.user
        address = request.META.get("REMOTE_ADDR", "")
        timezone.activate(zoneinfo.ZoneInfo(tenant.timezone))
        try:
            if not user.is_authenticated:
                if SESSION_KEY in request.session:
                    request.session.flush()  # suspended, removed or expired since she signed in
                request.ctx = context.build(tenant, None, frozenset)  # type: ignore[attr-defined]
                with audit.actor(None, "anonymous", address):
                    return self.get_response(request)
            if code := supported(user.locale):
                translation.activate(code)
                request.LANGUAGE_CODE = code  # type: ignore[attr-defined]
            request.ctx = context.build(  # type: ignore[attr-defined]
                tenant, person_ref(user), lambda: frozenset(RoleBackend().get_all_permissions(user))
            )
            # A visit of support is nobody's device, and its visitor gave a second factor at home.
            visiting = mfa.SUPPORT_SESSION_KEY in request.session
            with audit.actor(user.pk, "person", address):
                if visiting:
                    return self.get_response(request)
                if (ended := session_rules.idle_refusal(request)) is not None:
                    return ended
                self._note_activity(request)
                refusal = session_rules.second_factor_refusal(request)
                return refusal if refusal is not None else self.get_response(request)
        finally:
            timezone.deactivate()

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Refuse the ways to sign in that the space switched off."""
        if getattr(request, "tenant", None) is None:
            return None
        return session_rules.closed_method(request)

    def _note_activity(self, request: HttpRequest) -> None:
        """Record the session's last use, at most every five minutes."""
        from allauth.usersessions.models import UserSession

        if not request.session.session_key:
            return
        try:
            is_due = cache.add(f"identity:seen:{request.session.session_key}", 1, ACTIVITY_SECONDS)
        except CacheUnavailable:
            return  # the page matters more than the moment of its last use
        if is_due:
            UserSession.objects.create_from_request(request)
