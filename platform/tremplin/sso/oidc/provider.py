"""The operator's space as OpenID provider of every other space."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tenants import registry
from tremplin.identity.models import User
from tremplin.kernel.current import current_tenant


class ProviderAdapter(DefaultOIDCAdapter):  # type: ignore[misc]
    """What our provider answers to its clients."""

    scope_display = {  # noqa: RUF012  same attribute as in the parent
        "openid": _("Know that it is you"),
        "email": _("See your e-mail address"),
        "profile": _("See your name and your language"),
    }

    def generate_client_id(self) -> str:
        """Return an identifier of letters and digits: Basic credentials are not decoded."""
        return secrets.token_hex(16)

    def generate_client_secret(self) -> str:
        """Return a secret of letters and digits, for the same reason."""
        return secrets.token_hex(32)

    def get_issuer(self) -> str:
        """Return the configured address of the space, whatever host was asked."""
        tenant = current_tenant.get()
        if tenant is None:
            return ""
        return registry.absolute_url(tenant, "")

    def get_claims(
        self,
        purpose: Any,
        user: AbstractBaseUser,
        client: Any,
        scopes: Iterable[str],
        email: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Add the language to the profile."""
        claims: dict[str, Any] = super().get_claims(purpose, user, client, scopes, email, **kwargs)
        claims.pop("preferred_username", None)
        locale = getattr(user, "locale", "")
        if "profile" in scopes and locale:
            claims["locale"] = locale
        return claims

    def get_user_by_sub(self, client: Any, sub: str) -> AbstractBaseUser | None:
        """Return the person behind a token; suspended, expired or removed people are nobody."""
        try:
            person = super().get_user_by_sub(client, sub)
        except ValidationError:  # not one of our identifiers
            return None
        if isinstance(person, User) and (person.is_expired() or person.removed_at is not None):
            return None
        return person

    def populate_server_metadata(self, data: dict[str, Any]) -> None:
        """Announce what exists: everyone signs in at the operator's space, with PKCE.

        Other spaces only give tokens to applications.
        """
        tenant = current_tenant.get()
        issuer = self.get_issuer()
        data.pop("device_authorization_endpoint", None)
        grants = ["client_credentials"]
        data["response_types_supported"] = []
        if tenant is not None and tenant.kind == "hq":
            grants = ["authorization_code", "client_credentials", "refresh_token"]
            data["response_types_supported"] = ["code"]
        else:
            for name in ("authorization_endpoint", "userinfo_endpoint", "end_session_endpoint"):
                data.pop(name, None)
            data["scopes_supported"] = []
        data["grant_types_supported"] = grants
        for name, value in data.items():
            if name.endswith(("_endpoint", "_uri")) and isinstance(value, str):
                data[name] = f"{issuer}{urlsplit(value).path}"
