"""Pages for expected failures, in the look of the space when there is one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext


def _wants_json(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _answer(
    request: HttpRequest, status: int, template: str, code: str, detail: str
) -> HttpResponse:
    if _wants_json(request):
        body = {"type": "about:blank", "title": detail, "status": status, "code": code}
        return JsonResponse(body, status=status, content_type="application/problem+json")
    return render(request, template, {"detail": detail}, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400."""
    detail = gettext("This request could not be read. Go back and try again.")
    return _answer(request, 400, "portal/errors/400.html", "bad_request", detail)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403: signed in, but the roles do not allow the page."""
    detail = gettext("Your roles do not open this page. Ask an administrator of your space.")
    return _answer(request, 403, "portal/errors/403.html", "permission_denied", detail)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404."""
    detail = gettext("This page does not exist, or it belongs to another space.")
    return _answer(request, 404, "portal/errors/404.html", "not_found", detail)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 without touching the database."""
    detail = gettext("Something went wrong on our side. Nothing was lost: try again in a moment.")
    return _answer(request, 500, "portal/errors/500.html", "server_error", detail)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 when a form is too old or comes from another site."""
    detail = gettext("This form has expired. Reload the page, then send it again.")
    return _answer(request, 403, "portal/errors/csrf.html", "csrf_failed", detail)
