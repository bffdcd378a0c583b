"""Sign-up, second factor and refused sign-in of apps: the rules of the pages, in JSON."""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.account.inputs import SignupInput
from allauth.headless.account.views import SignupView
from allauth.headless.internal.restkit.views import RESTView
from django.http import HttpRequest, HttpResponseBadRequest, HttpResponseBase, JsonResponse

from tremplin.identity import session_rules
from tremplin.identity.forms import admitted


class SpaceSignupInput(SignupInput):  # type: ignore[misc]
    """What an app sends to open an account."""

    def clean_email(self) -> str:
        """Accept only the mail domains that the space lists, when it lists some."""
        return admitted(super().clean_email())


def install() -> None:
    """Make the library's views read our input, and refuse what they cannot read.

    Its own input knows nothing of a space's mail domains, and a body nested thousands of times
    would end in an error instead of a refusal.
    """
    SignupView.input_class = {"POST": SpaceSignupInput}
    RESTView._parse_json = _parsed
    RESTView.dispatch = _bounded


_read, _answer = RESTView._parse_json, RESTView.dispatch


def _bounded(view: RESTView, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """Hold apps to the second factor: the middleware sees cookies, not the header of an app."""
    if request.user.is_authenticated:
        refused = session_rules.second_factor_refusal(request)
        if refused is not None:
            return refused
    found: HttpResponseBase = _answer(view, request, *args, **kwargs)
    return found


def _parsed(view: RESTView, request: HttpRequest) -> dict[str, Any] | None:
    try:
        body: dict[str, Any] | None = _read(view, request)
    except RecursionError as error:
        raise ImmediateHttpResponse(HttpResponseBadRequest()) from error
    return body


def closed(message: str, url: str) -> JsonResponse:
    """Return the answer to a sign-in by a method that the space closed, in the library's shape.

    ``url`` is where the person may sign in instead, or an empty text.
    """
    error = {"code": "method_closed", "message": message, **({"url": url} if url else {})}
    return JsonResponse({"status": 403, "errors": [error]}, status=403)
