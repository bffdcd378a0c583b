"""Who may open a realtime stream: host, session, person, then every topic's own policy."""

from __future__ import annotations

import hashlib
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port

from tremplin.api import services
from tremplin.kernel.realtime.endpoint import Asked, Denied
from tremplin.kernel.realtime.hub import Reader
from tremplin.kernel.realtime.topics import is_allowed

ATTEMPTS = 9  # one more than the pool may hold connections


def authorise(asked: Asked) -> Reader:
    """Return the reader of a stream when it may read every topic asked for.

    Runs in one of the hub's two threads, inside the tenant of the host only. Raises ``Denied``:
    404 for an unknown host, 403 for a space that is not active or a topic not granted.
    """
    for attempt in range(ATTEMPTS):
        close_old_connections()
        try:
            tenant = _tenant(asked.host)
            with services.tenancy().use(tenant):
                return _reader(tenant, asked)
        except (OperationalError, InterfaceError):
            # After a restart of the database the pool hands out connections that are dead.
            if attempt == ATTEMPTS - 1:
                raise
        finally:
            connection.close()
    raise Denied(503, "unavailable")


def _tenant(host: str) -> Any:
    domain, _ = split_domain_port(host)
    tenant = services.tenancy().by_host(domain) if domain else None
    if tenant is None or tenant.status in {"archived", "deleting"}:
        raise Denied(404, "unknown_host")
    if tenant.status != "active":
        raise Denied(403, "space_not_active")
    return tenant


def _reader(tenant: Any, asked: Asked) -> Reader:
    # Holds models: the server imports this module before the applications are ready.
    from tremplin.identity import mfa
    from tremplin.identity.network.allow_list import in_force

    rules = in_force()
    if rules.bound("/_rt/") and not rules.allow(asked.address):
        raise Denied(403, "network_not_allowed")
    key = parse_cookie(asked.cookies).get(settings.SESSION_COOKIE_NAME, "")
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    if key and "support_access" in session:
        raise Denied(403, "support_closed")  # what is said to a person is not said to a visitor
    person = _person(session) if key else None
    if person is not None and mfa.must_enrol(person, session):
        raise Denied(403, "mfa_required")
    contexts = services.contexts()
    try:
        ctx = contexts.for_person(person.pk) if person is not None else contexts.current()
    except LookupError:
        raise Denied(403, "person_denied") from None
    if not all(is_allowed(ctx, topic) for topic in asked.topics):
        raise Denied(403, "topic_denied")
    reader = hashlib.sha256(key.encode()).hexdigest() if person is not None else asked.address
    return Reader(tenant.schema_name, str(person.pk) if person is not None else "", reader)


def _person(session: Any) -> Any | None:
    """Return the signed-in, active person of a session; back-end and session hash are checked."""
    request = HttpRequest()
    request.session = session
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None
