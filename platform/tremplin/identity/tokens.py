"""Access and refresh tokens of applications, signed with a key of the space.

Both name the session they belong to, encrypted, and are good only as long as that session is: sign
out, suspension, a new password elsewhere or a revoked device end them at once. A refresh token
works once. Whoever presents it again, the thief or the robbed, ends the whole family.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy, internal
from allauth.usersessions.models import UserSession
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction

from tremplin.kernel.current import tenant_key, tenant_required


class TenantJWTStrategy(JWTTokenStrategy):  # type: ignore[misc]
    """Short access tokens and rotating refresh tokens bound to a session of the space."""

    def get_claims(self, user: Any) -> dict[str, Any]:
        """Name the space, for logs only: the key decides, never this claim."""
        return {"tnt": str(tenant_required().uuid)}

    def create_access_token_payload(self, request: Any) -> dict[str, Any] | None:
        """Return the tokens with their lives in seconds."""
        from allauth.headless import app_settings

        payload: dict[str, Any] | None = super().create_access_token_payload(request)
        if payload is not None:
            payload["expires_in"] = app_settings.JWT_ACCESS_TOKEN_EXPIRES_IN
            payload["refresh_expires_in"] = app_settings.JWT_REFRESH_TOKEN_EXPIRES_IN
        return payload

    def lookup_session(self, session_token: str) -> Any:
        """Return the session that a header names; the cookie of a visit of support is no token.

        Presented as one, it would escape what bounds visits, and give tokens that outlive them.
        """
        session = super().lookup_session(session_token)
        return None if session is not None and "support_access" in session else session

    def refresh_token(self, refresh_token: str) -> tuple[str, str] | None:
        """Return the next access and refresh token, or None.

        The session's row is locked, so that of two simultaneous calls with the same token exactly
        one is the first. A genuine token that was used before ends the session and is recorded.
        """
        payload = internal.decode_token(refresh_token, "refresh")
        if payload is None:
            return None
        key = internal.session_key_from_sid(payload["sid"])
        if not key:
            return None
        with transaction.atomic():
            if Session.objects.select_for_update().filter(session_key=key).first() is None:
                return None
            pair: tuple[str, str] | None = super().refresh_token(refresh_token)
            if pair is not None:
                _forget_expired(key)
                return pair
            _end_family(key, payload)
            return None


def session_cipher(initialization_vector: bytes) -> Cipher[CTR]:
    """Return the cipher of session keys inside tokens: AES-256-CTR, with a key of the space.

    The library's own key is a bare hash of the secret key, the same for all spaces and purposes.
    The token around it is signed, so encryption without authentication is enough.
    """
    secret = settings.SECRET_KEY.encode()
    key = hmac.new(secret, b"jwt-session:" + tenant_key().encode(), hashlib.sha256).digest()
    return Cipher(AES(key), CTR(initialization_vector))


def install() -> None:
    """Make the library use ``session_cipher``; called once, when identity is ready."""
    internal.get_session_key_cipher = session_cipher


def _forget_expired(session_key: str) -> None:
    """Drop the refresh tokens of the session that nobody can use any more."""
    session = internal.lookup_session(session_key)
    if session is None:
        return
    state = internal.get_refresh_token_state(session)
    now = time.time()
    expired = [jti for jti, end in state.items() if end <= now]
    if expired:
        for jti in expired:
            del state[jti]
        session.modified = True
        session.save()


def _end_family(session_key: str, payload: dict[str, Any]) -> None:
    """End the session whose used refresh token came back, and record it."""
    from tremplin.api import services

    session = internal.lookup_session(session_key)
    person = internal.validate_token_user(payload, session) if session is not None else None
    Session.objects.filter(session_key=session_key).delete()
    UserSession.objects.filter(session_key=session_key).delete()
    if person is None:
        return  # the session had ended already: nobody lost anything
    services.audit().record(
        "security.token_reused", target=f"person:{person.pk}", data={"token": payload["jti"]}
    )
    from tremplin.identity.services import close_streams

    close_streams(person)
