"""Test sign-ins of an administrator: they link nothing, create nobody and leave a trace."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpRequest

from tremplin.sso.models import Connection

SESSION_KEY = "saml_tests"
LIFE_SECONDS = 600
MOST = 5


def remember(request: HttpRequest, connection: Connection, request_id: str) -> None:
    """Note that ``request_id`` was sent as a test of ``connection``."""
    kept = dict(list(_pending(request).items())[-(MOST - 1) :])
    kept[request_id] = [str(connection.pk), time.time()]
    request.session[SESSION_KEY] = kept


def _pending(request: HttpRequest) -> dict[str, Any]:
    found = request.session.get(SESSION_KEY)
    if not isinstance(found, dict):
        return {}
    oldest = time.time() - LIFE_SECONDS
    return {key: value for key, value in found.items() if value[1] > oldest}


def take(request: HttpRequest, connection: Connection, answered: str) -> str | None:
    """Return the test that an answer belongs to and forget it; None for a real sign-in.

    ``answered`` is what the answer, not verified, says it answers. An answer that names no request
    of this session at all belongs to the last test of the connection, if one is under way: that is
    what a test is for.
    """
    pending = _pending(request)
    own = [key for key, value in pending.items() if value[0] == str(connection.pk)]
    if answered in own:
        chosen = answered
    elif own and answered not in (request.session.get("socialaccount_states") or {}):
        chosen = own[-1]
    else:
        return None
    del pending[chosen]
    request.session[SESSION_KEY] = pending
    return chosen
