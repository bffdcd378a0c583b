"""Access and refresh tokens of applications, signed with a key of the space."""

from __future__ import annotations

from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy


class TenantJWTStrategy(JWTTokenStrategy):  # type: ignore[misc]
    """Short access tokens and rotating refresh tokens bound to a session of the space."""
