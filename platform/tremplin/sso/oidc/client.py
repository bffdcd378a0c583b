"""Sign-in through an OpenID provider: the parts of the protocol that allauth leaves out.

allauth sends no nonce and does not compare the two answers of a provider. Both checks are part of
OpenID Connect Core 1.0 (3.1.3.7 point 11, 5.3.2).
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest, HttpResponse

# Providers that leave the nonce out of their tokens; a nonce that is there must still be ours.
WITHOUT_NONCE = frozenset({"linkedin"})


class Adapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Asks for an ID token and checks that it answers our own question."""

    state: dict[str, Any]

    def complete_login(
        self, request: HttpRequest, app: Any, token: Any, **kwargs: Any
    ) -> SocialLogin:
        """Return the sign-in that the provider answered. Raises ``OAuth2Error``."""
        if not kwargs["response"].get("id_token"):
            raise OAuth2Error("no id_token")
        try:
            login = super().complete_login(request, app, token, **kwargs)
        except (KeyError, TypeError, ValueError) as error:
            raise OAuth2Error("unreadable answer") from error
        self._check(app, login.account.extra_data)
        return login

    def _check(self, app: Any, document: Any) -> None:
        claims = document.get("id_token") or {}
        expected = str(self.state.get("nonce") or "")
        answered = str(claims.get("nonce") or "")
        preset = app.settings.get("preset", "")
        if not hmac.compare_digest(expected.encode(), answered.encode()) and (
            answered or preset not in WITHOUT_NONCE
        ):
            raise OAuth2Error("nonce mismatch")
        info = document.get("userinfo")
        if info is not None and str(info.get("sub", "")) != str(claims.get("sub", "")):
            raise OAuth2Error("subject mismatch")


class Callback(OAuth2CallbackView):  # type: ignore[misc]
    """Hands the state of the session to the adapter, which needs its nonce."""

    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        state, response = super()._get_state(request, provider)
        self.adapter.state = state or {}
        return state, response


def begin(
    request: HttpRequest, provider: Any, *, process: str = "login", next_url: str | None = None
) -> HttpResponse:
    """Return the redirection to ``provider`` with state, nonce and PKCE.

    Raises ``requests.RequestException`` when its description cannot be read.
    """
    nonce = secrets.token_urlsafe(24)
    parameters = {**provider.get_auth_params(), "nonce": nonce}
    answer: HttpResponse = provider.redirect(
        request, process=process, next_url=next_url, auth_params=parameters, nonce=nonce
    )
    return answer


def finish(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Return the answer to a person who comes back from a provider."""
    view = Callback.adapter_view(Adapter(request, provider_id))
    answer: HttpResponse = view(request)
    return answer
