"""Sign-up and refused sign-in of apps: the rules of the pages, answered in JSON."""

from __future__ import annotations

from allauth.headless.account.inputs import SignupInput
from allauth.headless.account.views import SignupView
from django.http import JsonResponse

from tremplin.identity.forms import admitted


class SpaceSignupInput(SignupInput):  # type: ignore[misc]
    """What an app sends to open an account."""

    def clean_email(self) -> str:
        """Accept only the mail domains that the space lists, when it lists some."""
        return admitted(super().clean_email())


def install() -> None:
    """Make the library's view read our input; its own knows nothing of a space's mail domains."""
    SignupView.input_class = {"POST": SpaceSignupInput}


def closed(message: str, url: str) -> JsonResponse:
    """Return the answer to a sign-in by a method that the space closed, in the library's shape.

    ``url`` is where the person may sign in instead, or an empty text.
    """
    error = {"code": "method_closed", "message": message, **({"url": url} if url else {})}
    return JsonResponse({"status": 403, "errors": [error]}, status=403)
