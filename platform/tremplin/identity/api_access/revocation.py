"""Ends what a person handed out to programs."""

from __future__ import annotations

from allauth.idp.oidc.models import Token
from django.db.models import Max, Q

from tremplin.identity.models import User


def revoke_tokens(person: User) -> int:
    """Delete every OAuth token that speaks for ``person`` or comes from an application she made.

    Access and refresh tokens of her own apps die with their sessions, whose stamp the caller has
    changed. Keys and applications stay: they work only while their maker's account is open. Returns
    the number of tokens.
    """
    return int(Token.objects.filter(Q(user=person) | Q(client__owner=person)).delete()[0])


def forget_expired() -> int:
    """Delete the tokens that are over and return how many.

    The last access token of each application stays: it says when the application was last used.
    """
    latest = (
        Token.objects.filter(type=Token.Type.ACCESS_TOKEN, user=None)
        .values("client")
        .annotate(last=Max("pk"))
        .values("last")
    )
    return int(Token.objects.expired().exclude(pk__in=latest).delete()[0])
