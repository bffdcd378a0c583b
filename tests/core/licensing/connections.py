"""A connection to an identity provider of the space itself, as its administrator leaves it."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.models import SocialApp

from tremplin.sso.models import Connection


def connect(**fields: Any) -> Connection:
    """Return a working OpenID connection of the current space."""
    app = SocialApp.objects.create(
        provider="openid_connect", provider_id="annuaire", name="Annuaire", client_id="x",
        settings={"server_url": "https://idp.example", "enforced_for": "everybody"},
    )  # fmt: skip
    return Connection.objects.create(
        app=app,
        slug="annuaire",
        label="Annuaire",
        kind=Connection.Kind.OIDC,
        is_active=True,
        **fields,
    )
