"""What follows from signing in through a provider, and from linking or losing an identity."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account_signals
from allauth.socialaccount.models import SocialAccount
from django.db.models.signals import post_delete, post_save

from tremplin.identity import memberships
from tremplin.kernel.current import current_tenant
from tremplin.sso import accounts, selectors, services
from tremplin.sso.oidc import platform

SESSION_KEY = "sso_connection"


def on_login(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """Say in the session which connection was used, or that none was."""
    sociallogin = kwargs.get("sociallogin")
    connection = selectors.connection_of(sociallogin) if sociallogin is not None else None
    if connection is None:
        request.session.pop(SESSION_KEY, None)
        return
    request.session[SESSION_KEY] = str(connection.pk)
    services.note_login(connection)
    accounts.refresh(user, sociallogin, connection)


def _record(kind: str, account: SocialAccount) -> None:
    from tremplin.api import services as api

    api.audit().record(kind, target=f"person:{account.user_id}", data={"by": account.provider[:80]})


def on_linked(sender: Any, instance: SocialAccount, created: bool, **kwargs: Any) -> None:
    """Write down a new identity; one of the platform also enters its index of spaces."""
    tenant = current_tenant.get()
    if not created or tenant is None:
        return
    _record("security.sso_linked", instance)
    if instance.provider == platform.SLUG:
        role = next(iter(sorted(instance.user.role_codes())), "")
        memberships.record(instance.uid, tenant, role)


def on_unlinked(sender: Any, instance: SocialAccount, **kwargs: Any) -> None:
    """Write down that an identity went; the platform forgets the space."""
    tenant = current_tenant.get()
    if tenant is None:
        return
    _record("security.sso_unlinked", instance)
    if instance.provider == platform.SLUG:
        memberships.forget(instance.uid, tenant)


def connect() -> None:
    """Connect every receiver once."""
    uid = "tremplin.sso"
    account_signals.user_logged_in.connect(on_login, dispatch_uid=uid)
    post_save.connect(on_linked, sender=SocialAccount, dispatch_uid=uid)
    post_delete.connect(on_unlinked, sender=SocialAccount, dispatch_uid=uid)
