"""Ends what a person handed out to programs."""

from __future__ import annotations

from allauth.idp.oidc.models import Token
from django.db.models import Q

from tremplin.identity.models import User


def revoke_tokens(person: User) -> int:
    """Delete every OAuth token that speaks for ``person`` or comes from an application she made.

    Access and refresh tokens of her own apps die with their sessions, whose stamp the caller has
    changed. Keys and applications stay: they work only while their maker's account is open. Returns
    the number of tokens.
    """
    return int(Token.objects.filter(Q(user=person) | Q(client__owner=person)).delete()[0])
