"""What allauth does differently here when a person comes from another identity provider."""

from __future__ import annotations

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """The space's rules for people who arrive through a directory."""
