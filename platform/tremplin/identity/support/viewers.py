"""Who may visit, seen from her own space: the operator's or a reseller's."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from tenants import registry
from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.api.context import PersonRef
from tremplin.identity.backends import RoleBackend
from tremplin.identity.models import User

PERMISSION = "identity.support_access"
# The kind of the current space is checked as well as the role: a group of the same name, or the
# right given to a custom role, opens nothing in a school.
ROLES = {
    "hq": frozenset({"platform_admin", "support"}),
    "reseller": frozenset({"reseller_owner", "reseller_staff"}),
}
OPENED = "support_visits"  # in the visitor's own session: the visits that hang on it


def may_view(kind: str, roles: frozenset[str], permissions: frozenset[str] | set[str]) -> bool:
    """Tell whether these roles and rights, held in a space of this kind, allow visits at all."""
    return bool(ROLES.get(kind, frozenset()) & roles) and PERMISSION in permissions


def may_visit(space: TenantInfo, target: TenantInfo) -> bool:
    """Tell whether people of ``space`` may ever visit ``target``.

    The operator visits every space but its own, a reseller its clients only.
    """
    if target.pk == space.pk or target.kind == "hq":
        return False
    if space.kind == "hq":
        return True
    return space.kind == "reseller" and target.reseller_pk == space.pk


def name_of(person: PersonRef) -> str:
    """Return the name that the visited space reads."""
    return person.display_name[:200]


def still_allowed(viewer_tenant: UUID, account: UUID, target: TenantInfo, visit: UUID) -> str:
    """Return an empty string while the visitor may go on, else the cause of the end.

    ``viewer``: her account is closed, her role was taken or her space lost its client;
    ``session``: the session from which she came has ended.
    """
    space = registry.by_uuid(viewer_tenant)
    if space is None or space.status != "active" or not may_visit(space, target):
        return "viewer"
    with use(space):
        person: Any = RoleBackend().get_user(account)
        if person is None or person.removed_at is not None:
            return "viewer"
        granted = RoleBackend().get_all_permissions(person)
        if not may_view(space.kind, person.role_codes(), granted):
            return "viewer"
        return "" if _has_session(person, visit) else "session"


def _has_session(person: User, visit: UUID) -> bool:
    """Tell whether a living session of the visitor's account opened this visit."""
    from allauth.usersessions.models import UserSession

    engine = import_module(settings.SESSION_ENGINE)
    for key in UserSession.objects.filter(user=person).values_list("session_key", flat=True):
        request = HttpRequest()
        request.session = engine.SessionStore(key)
        if str(visit) in request.session.get(OPENED, ()) and get_user(request).pk == person.pk:
            return True
    return False
