"""Open sessions and streams of a person, and their end."""

from __future__ import annotations

import uuid

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction

from tremplin.identity.api_access.revocation import revoke_tokens
from tremplin.identity.models import User
from tremplin.identity.services.record import audit, target


def close_streams(person: User) -> None:
    """Make the person's open pages reconnect, so that they notice their changed rights."""
    from tremplin.kernel.realtime.publishing import kick

    kick(person.pk)


def end_sessions(person: User) -> int:
    """End every session of ``person`` and return how many were recorded."""
    keys = list(UserSession.objects.filter(user=person).values_list("session_key", flat=True))
    person.session_stamp = uuid.uuid4()
    User.objects.filter(pk=person.pk).update(session_stamp=person.session_stamp)
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(user=person).delete()
    revoke_tokens(person)
    close_streams(person)
    return len(keys)


@transaction.atomic
def revoke_sessions(person: User) -> int:
    """Sign ``person`` out everywhere, on a manager's order, and return the number of sessions."""
    ended = end_sessions(person)
    audit("security.sessions_revoked", target=target(person), data={"sessions": ended})
    return ended
