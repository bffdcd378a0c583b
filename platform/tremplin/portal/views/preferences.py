"""Language and colour scheme, kept with the person when signed in and in a cookie otherwise."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from tremplin.kernel.access import guarded

YEAR_SECONDS = 365 * 24 * 3600
SCHEMES = ("light", "dark", "auto")


def _back(request: HttpRequest) -> HttpResponseRedirect:
    target = request.POST.get("next") or request.headers.get("Referer", "/")
    allowed = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(target if allowed else "/")


def _remember(response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(
        name, value, max_age=YEAR_SECONDS, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )


@require_POST
@guarded(anonymous=True)
def set_language(request: HttpRequest) -> HttpResponse:
    """Switch the language and stay on the page."""
    response = _back(request)
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        _remember(response, settings.LANGUAGE_COOKIE_NAME, language)
        if request.user.is_authenticated:
            request.user.locale = language
            request.user.save(update_fields=["locale"])
    return response


@require_POST
@guarded(anonymous=True)
def set_scheme(request: HttpRequest) -> HttpResponse:
    """Switch between the light, dark and automatic colour schemes and stay on the page."""
    response = _back(request)
    scheme = request.POST.get("scheme", "")
    if scheme in SCHEMES:
        _remember(response, "scheme", scheme)
        if request.user.is_authenticated:
            request.user.scheme = scheme
            request.user.save(update_fields=["scheme"])
    return response
