"""What a session remembers of the SAML sign-in that opened it, for single logout."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from tremplin.identity.normalise import clean_text
from tremplin.sso.models import Connection

SESSION_KEY = "saml_session"
STATE_KEY = "saml"
LOGOUT_KEY = "saml_logout"


def describe(connection: Connection, auth: Any, fields: dict[str, str]) -> dict[str, Any]:
    """Return what a logout request must name later, and the names to copy to the profile."""
    given = {name: fields.get(name, "") for name in ("first_name", "last_name")}
    return {
        "names": given if connection.updates_profile else {},
        "connection": str(connection.pk),
        "name_id": auth.get_nameid() or "",
        "name_id_format": auth.get_nameid_format() or "",
        "name_qualifier": auth.get_nameid_nq() or "",
        "sp_name_qualifier": auth.get_nameid_spnq() or "",
        "session_index": auth.get_session_index() or "",
    }


def note_login(
    sender: Any, request: HttpRequest, user: Any, sociallogin: Any = None, **kwargs: Any
) -> None:
    """Keep the description in the session once the person is really signed in."""
    if sociallogin is None:
        return
    found = (sociallogin.state or {}).get(STATE_KEY)
    if not isinstance(found, dict):
        return
    names = found.pop("names", {})
    request.session[SESSION_KEY] = found
    request.session["sso_connection"] = found["connection"]
    update_names(user, names)


def update_names(person: Any, names: dict[str, str]) -> None:
    """Copy the names that the provider gave, when they changed; empty ones change nothing."""
    changed = {
        name: value
        for name, given in names.items()
        if (value := clean_text(given)[:100]) and getattr(person, name) != value
    }
    for name, value in changed.items():
        setattr(person, name, value)
    if changed:
        person.save(update_fields=list(changed))


def connect() -> None:
    """Listen to sign-ins."""
    from allauth.account.signals import user_logged_in

    user_logged_in.connect(note_login, dispatch_uid="tremplin.sso.saml.sessions")
