"""The operator's space as OpenID provider of every other space."""

from __future__ import annotations

from allauth.idp.oidc.adapter import DefaultOIDCAdapter


class ProviderAdapter(DefaultOIDCAdapter):  # type: ignore[misc]
    """What our provider answers to its clients."""
