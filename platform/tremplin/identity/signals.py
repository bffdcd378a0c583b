"""Security events that allauth and Django announce."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account_signals
from allauth.mfa import signals as mfa_signals
from django.contrib.auth.signals import user_logged_in, user_logged_out


def _record(kind: str, user: Any, **data: object) -> None:
    from tremplin.api import services
    from tremplin.kernel import audit

    # During sign-in the request began as nobody: the event names the person herself.
    with audit.actor(user.pk, "person", audit_address()):
        services.audit().record(kind, target=f"person:{user.pk}", data=data)


def audit_address() -> str:
    """Return the client address of the request being served, or an empty string."""
    from allauth.core import context

    request = getattr(context, "request", None)
    return request.META.get("REMOTE_ADDR", "") if request is not None else ""


def on_login(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    _record("security.login", user)


def on_logout(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    if user is not None:
        from tremplin.identity.services import close_streams

        close_streams(user)
        _record("security.logout", user)


def on_password_changed(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    from tremplin.identity.services import close_streams

    close_streams(user)
    _record("security.password_changed", user)


def on_password_reset(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    from tremplin.identity.services import end_sessions

    end_sessions(user)
    _record("security.password_reset", user)


def on_email_confirmed(sender: Any, request: Any, email_address: Any, **kwargs: Any) -> None:
    _record("security.email_confirmed", email_address.user)


def on_email_changed(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    _record("security.email_changed", user)


def on_mfa_added(sender: Any, request: Any, user: Any, authenticator: Any, **kwargs: Any) -> None:
    _record("security.mfa_added", user, type=str(authenticator.type))


def on_mfa_removed(sender: Any, request: Any, user: Any, authenticator: Any, **kwargs: Any) -> None:
    _record("security.mfa_removed", user, type=str(authenticator.type))


def on_mfa_reset(sender: Any, request: Any, user: Any, authenticator: Any, **kwargs: Any) -> None:
    _record("security.mfa_reset", user, type=str(authenticator.type))


def on_mfa_failed(sender: Any, request: Any, user: Any, authenticator: Any, **kwargs: Any) -> None:
    """Record a wrong code: whoever types one knows the password already."""
    _record("security.mfa_failed", user, type=str(authenticator.type))


def connect() -> None:
    """Connect every receiver once."""
    uid = "tremplin.identity"
    user_logged_in.connect(on_login, dispatch_uid=uid)
    user_logged_out.connect(on_logout, dispatch_uid=uid)
    account_signals.password_changed.connect(on_password_changed, dispatch_uid=uid)
    account_signals.password_set.connect(on_password_changed, dispatch_uid=uid)
    account_signals.password_reset.connect(on_password_reset, dispatch_uid=uid)
    account_signals.email_confirmed.connect(on_email_confirmed, dispatch_uid=uid)
    account_signals.email_changed.connect(on_email_changed, dispatch_uid=uid)
    mfa_signals.authenticator_added.connect(on_mfa_added, dispatch_uid=uid)
    mfa_signals.authenticator_removed.connect(on_mfa_removed, dispatch_uid=uid)
    mfa_signals.authenticator_reset.connect(on_mfa_reset, dispatch_uid=uid)
    mfa_signals.authentication_failed.connect(on_mfa_failed, dispatch_uid=uid)
