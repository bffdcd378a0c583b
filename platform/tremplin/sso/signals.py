"""What follows from signing in through a provider, and from linking or losing an identity."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account_signals
from allauth.socialaccount import signals as social_signals

from tremplin.sso import accounts, selectors, services
from tremplin.sso.models import Connection

SESSION_KEY = "sso_connection"


def on_login(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """Say in the session which provider of the space's own was used, or that none was."""
    sociallogin = kwargs.get("sociallogin")
    connection = selectors.connection_of(sociallogin) if sociallogin is not None else None
    # The marker stands for the second factor of an organisation: a platform account has none.
    request.session.pop(SESSION_KEY, None)
    if connection is None:
        return
    if connection.kind != Connection.Kind.PLATFORM:
        request.session[SESSION_KEY] = str(connection.pk)
    services.note_login(connection)
    accounts.refresh(user, sociallogin, connection)


def on_linked(sender: Any, request: Any, sociallogin: Any, **kwargs: Any) -> None:
    """Write down an identity that was linked to an existing account."""
    accounts.note_linked(sociallogin.account)


def on_unlinked(sender: Any, request: Any, socialaccount: Any, **kwargs: Any) -> None:
    """Write down that a person disconnected an identity."""
    accounts.note_unlinked(socialaccount)


def connect() -> None:
    """Connect every receiver once."""
    uid = "tremplin.sso"
    account_signals.user_logged_in.connect(on_login, dispatch_uid=uid)
    social_signals.social_account_added.connect(on_linked, dispatch_uid=uid)
    social_signals.social_account_removed.connect(on_unlinked, dispatch_uid=uid)
