"""HTTP errors: ``application/problem+json`` for the API, pages for people, with stable codes."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError

from tremplin.api.http import Problem
from tremplin.kernel.cache import CacheUnavailable
from tremplin.kernel.request_id import current_request_id

logger = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"
CODES = {
    400: "bad_request",
    401: "authentication_required",
    402: "payment_required",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "validation_failed",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}


# Raised by ``tremplin.api``, which has no catalogue of its own: marked here for translation.
SCOPE_DETAIL = gettext_noop("This operation needs the scope “%(scope)s”.")


def problem_response(problem: Problem) -> JsonResponse:
    """Return RFC 9457 problem details for an expected failure."""
    body: dict[str, object] = {
        "type": "about:blank",
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "request_id": current_request_id.get(),
        **problem.extra,
    }
    return JsonResponse(body, status=problem.status, content_type=CONTENT_TYPE)


def problem_of(error: Exception) -> Problem:
    """Translate a framework error into a problem with a stable code."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationError):
        fields = [
            {
                "location": [str(part) for part in item.get("loc", ())],
                "message": str(item.get("msg", "")),
                "type": str(item.get("type", "")),
            }
            for item in error.errors
        ]
        return Problem(
            422, CODES[422], _("Some values are missing or invalid."), {"errors": fields}
        )
    if isinstance(error, Throttled):
        return Problem(429, CODES[429], _("Too many calls. Wait a little, then go on."))
    if isinstance(error, AuthenticationError):
        return Problem(401, CODES[401], _("Sign in to use this operation."))
    if isinstance(error, HttpError):
        code = CODES.get(error.status_code, f"http_{error.status_code}")
        if error.status_code == 403 and "CSRF" in str(error):
            code = "csrf_failed"
        return Problem(error.status_code, code, str(error))
    if isinstance(error, Http404):
        return Problem(404, CODES[404], _("There is nothing at this address."))
    if isinstance(error, PermissionDenied):
        return Problem(403, CODES[403], _("Your roles do not allow this operation."))
    if isinstance(error, CacheUnavailable):
        return Problem(
            503, CODES[503], _("A part of the platform does not answer. Try again soon.")
        )
    if isinstance(error, SuspiciousOperation) or is_unstorable(error):
        return Problem(400, CODES[400], _("The request cannot be understood."))
    return Problem(500, CODES[500], _("Something failed on our side; it has been recorded."))


def is_unstorable(error: Exception) -> bool:
    """Tell whether an error is about a sent text that PostgreSQL refuses: a NUL, half a character."""
    return (isinstance(error, DataError) and "NUL" in str(error)) or (
        isinstance(error, UnicodeEncodeError) and error.reason.startswith("surrogates")
    )


def _challenge(problem: Problem) -> str:
    """Return the ``WWW-Authenticate`` header of a refusal (RFC 6750, section 3)."""
    if problem.code == "insufficient_scope":
        return f'Bearer realm="api", error="insufficient_scope", scope="{problem.extra["scope"]}"'
    if problem.status != 401:
        return ""
    if problem.code == "invalid_token":
        return 'Bearer realm="api", error="invalid_token"'
    return 'Bearer realm="api"'


def install_problem_handlers(api: NinjaAPI) -> None:
    """Make every error of ``api`` a problem document."""

    def handle(request: HttpRequest, error: Any) -> HttpResponse:
        problem = problem_of(error)
        if problem.status == 401 and "Authorization" in request.headers:
            problem = Problem(
                401,
                "invalid_token",
                _("This key or token is unknown, expired, revoked or not valid from here."),
            )
        if problem.status >= 500:
            logger.error("API operation failed: %s", request.path, exc_info=error)
        response = problem_response(problem)
        challenge = _challenge(problem)
        if challenge:
            response["WWW-Authenticate"] = challenge
        if isinstance(error, Throttled) and error.wait is not None:
            response["Retry-After"] = str(error.wait)
        return response

    for kind in (
        Problem,
        ValidationError,
        HttpError,
        Http404,
        PermissionDenied,
        SuspiciousOperation,
        Exception,
    ):
        api.add_exception_handler(kind, handle)
