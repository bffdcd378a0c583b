"""Applications of integrators: OAuth 2.0 client credentials (RFC 6749, section 4.4).

They are rows of the space's own provider. Outside the operator's space only this grant is offered:
a space signs no ID tokens. Secrets and ids are letters and digits, because the provider does not
percent-decode HTTP Basic credentials as RFC 6749 (section 2.3.1) asks its clients to encode them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from allauth.idp.oidc.models import Client, Token
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils.translation import gettext as _

from tremplin.identity.api_access import scopes as scope_names
from tremplin.identity.api_access.keys import is_present
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import User
from tremplin.identity.normalise import clean_text

GRANT = str(Client.GrantType.CLIENT_CREDENTIALS)
MAX_NAME = 80
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token of an application may do now: its scopes, in the name of who made it."""

    client: Client
    person: User
    scopes: frozenset[str]

    def allows(self, scope: str) -> bool:
        """Tell whether the token has ``scope`` and the maker still holds the right behind it."""
        return scope in self.scopes and scope_names.may_grant(self.person, scope)


def create(*, name: str, scopes: Iterable[str], created_by: User) -> tuple[Client, str]:
    """Store an application and return it with its secret, which nothing can show again.

    Raises ``IdentityError`` ``name_required``, ``scope_required``, ``unknown_scope`` or
    ``scope_not_yours``.
    """
    title = clean_text(name)[:MAX_NAME]
    if not title:
        raise IdentityError("name_required", _("Name the application after what it does."))
    chosen = scope_names.checked(scopes, created_by)
    secret = secrets.token_hex(SECRET_BYTES)
    client = Client(
        id=f"app{secrets.token_hex(12)}",
        name=title,
        type=Client.Type.CONFIDENTIAL,
        grant_types=GRANT,
        response_types="",
        owner=created_by,
    )
    client.set_scopes(chosen)
    client.set_default_scopes(chosen)
    client.set_secret(secret)
    with transaction.atomic():
        client.save(force_insert=True)
        _audit("security.api_client_created", client, {"scopes": chosen})
    return client, secret


def listed() -> QuerySet[Client]:
    """Return the applications of the space with their maker, the latest first.

    ``last_token_at`` is when each last asked for a token.
    """
    found: QuerySet[Client] = (
        Client.objects.filter(grant_types=GRANT, owner__isnull=False)
        .select_related("owner")
        .annotate(
            last_token_at=Max("token__created_at", filter=Q(token__type=Token.Type.ACCESS_TOKEN))
        )
        .order_by("-created_at", "id")
    )
    return found


def authenticate(presented: str) -> Grant | None:
    """Return what an access token of an application allows, or None (1 query).

    None for an unknown or expired token, one that speaks for a person, and an application whose
    maker is suspended, removed or expired. Scopes that the application lost no longer count.
    """
    if not presented or len(presented) > 4096:
        return None
    token = (
        Token.objects.valid()
        .by_value(presented)
        .filter(type=Token.Type.ACCESS_TOKEN, user=None, client__grant_types=GRANT)
        .select_related("client__owner")
        .first()
    )
    if token is None or token.client is None or token.client.owner is None:
        return None
    if not is_present(token.client.owner):
        return None
    scopes = frozenset(token.get_scopes()) & frozenset(token.client.get_scopes())
    return Grant(token.client, token.client.owner, scopes)


def rotate(client: Client) -> str:
    """Give the application a new secret and return it; its tokens stop at once."""
    secret = secrets.token_hex(SECRET_BYTES)
    client.set_secret(secret)
    with transaction.atomic():
        client.save(update_fields=["secret"])
        Token.objects.filter(client=client).delete()
        _audit("security.api_client_rotated", client, {})
    return secret


def revoke(client: Client) -> None:
    """Delete the application with its tokens."""
    with transaction.atomic():
        _audit("security.api_client_revoked", client, {})
        client.delete()


def last_use(client: Client) -> datetime | None:
    """Return when an application of ``listed()`` last asked for a token."""
    moment: datetime | None = getattr(client, "last_token_at", None)
    return moment


def _audit(kind: str, client: Client, data: dict[str, object]) -> None:
    from tremplin.api import services

    services.audit().record(kind, target=f"api_client:{client.pk}", data=data)
