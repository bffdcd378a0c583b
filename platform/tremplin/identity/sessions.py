"""Where a person is signed in, and how to end it: one session, or all the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

from tremplin.identity.internal import browsers
from tremplin.identity.models import User


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One place where a person is signed in, as her page shows it."""

    id: int
    browser: str
    is_hand_held: bool
    address: str
    opened_at: datetime
    seen_at: datetime
    is_current: bool


def open_sessions(person: User, current_key: str | None = None) -> list[OpenSession]:
    """Return the sessions of ``person`` that still work: the current one first, then by last use."""
    rows = UserSession.objects.purge_and_list(person)
    found = [
        OpenSession(
            row.pk,
            browsers.label(row.user_agent),
            browsers.read(row.user_agent).is_hand_held,
            row.ip,
            row.created_at,
            row.last_seen_at,
            bool(current_key) and row.session_key == current_key,
        )
        for row in rows
    ]
    return sorted(found, key=lambda row: (not row.is_current, -row.seen_at.timestamp()))


def _audit(person: User, ended: int) -> None:
    from tremplin.api import services

    services.audit().record(
        "security.sessions_revoked", target=f"person:{person.pk}", data={"sessions": ended}
    )


@transaction.atomic
def end_session(person: User, session_id: int) -> str | None:
    """End one session of ``person`` and return its key; None when she has no such session.

    The tokens bound to it die with its row, and her open pages reconnect and are checked again.
    """
    from tremplin.identity.services import close_streams

    row = UserSession.objects.select_for_update().filter(user=person, pk=session_id).first()
    if row is None:
        return None
    Session.objects.filter(session_key=row.session_key).delete()
    row.delete()
    close_streams(person)
    _audit(person, 1)
    return str(row.session_key)


@transaction.atomic
def end_other_sessions(request: HttpRequest) -> int:
    """Sign the person of ``request`` out everywhere but here; return how many sessions ended.

    Tokens and sessions that no list shows die as well: the stamp that every session must match
    changes, and this session alone is told the new one.
    """
    from tremplin.identity.services import end_sessions

    person: Any = request.user
    key = request.session.session_key
    mine = UserSession.objects.filter(user=person, session_key=key).first()
    ended = end_sessions(person) - (1 if mine is not None else 0)
    update_session_auth_hash(request, person)
    if mine is not None:
        mine.pk = None
        mine.session_key = request.session.session_key
        mine.save(force_insert=True)
    _audit(person, ended)
    return ended
