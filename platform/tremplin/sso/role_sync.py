"""Roles that follow the directory: read again at each sign-in, within what it gave itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from allauth.account.signals import user_logged_in
from django.db import transaction

from tremplin.identity import services as identity
from tremplin.identity.models import User
from tremplin.identity.roles import MFA_ROLES
from tremplin.sso import claims, role_mapping, selectors, services
from tremplin.sso.models import Connection, GivenRole
from tremplin.sso.scim import groups

PROTECTED = frozenset({"admin"})


@transaction.atomic
def remember(connection: Connection, person: User, roles: Iterable[str]) -> None:
    """Write down that ``connection`` gave these roles, so that a later sign-in may take them back."""
    GivenRole.objects.bulk_create(
        [GivenRole(connection=connection, person=person, role=role) for role in sorted(set(roles))],
        ignore_conflicts=True,
    )


@transaction.atomic
def follow(
    connection: Connection, person: User, attributes: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[str]]:
    """Give and take back roles as the table of ``connection`` says now; returns both lists.

    Only roles that this connection gave are taken back: what a person of the space gave stays. The
    owner, administrators and the people with a role of the platform are left alone, and a sign-in
    makes nobody an administrator. A directory that says nothing known gives the default role to
    whoever would hold none. Does nothing unless ``updates_roles`` is on and there is a table.
    """
    if not (connection.updates_roles and connection.role_attribute and connection.role_map):
        return [], []
    # Two sign-ins at the same moment: the second reads what the first left.
    User.objects.select_for_update().get(pk=person.pk)
    held = set(person.groups.values_list("name", flat=True))
    if held & (PROTECTED | MFA_ROLES) or identity.is_owner(person):
        return [], []
    reach = set(groups.mappable_roles())
    said = set()
    if _has_known_value(connection, attributes):
        said = set(role_mapping.roles_from(connection, attributes)) & reach
    wanted = said or set(role_mapping.roles_from(connection, {}))
    rows = GivenRole.objects.filter(connection=connection, person=person)
    given = set(rows.values_list("role", flat=True))
    taken = (given & held & reach) - wanted
    added = wanted - held
    if not said and held - taken:
        added = set()  # the default role is for people who would have none
    after = (held - taken) | added
    rows.exclude(role__in=after).delete()
    if not (added or taken):
        return [], []
    identity.set_roles(person, after)
    remember(connection, person, added)
    services.audit(
        "security.sso_roles_followed",
        connection,
        person=str(person.pk),
        added=sorted(added),
        removed=sorted(taken),
    )
    return sorted(added), sorted(taken)


def _has_known_value(connection: Connection, attributes: Mapping[str, Sequence[str]]) -> bool:
    known = {str(value).strip().casefold() for value in connection.role_map}
    said = {value.strip().casefold() for value in attributes.get(connection.role_attribute, ())}
    return bool(known & said)


def on_login(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """Follow the directory when somebody signs in through a connection."""
    sociallogin = kwargs.get("sociallogin")
    connection = selectors.connection_of(sociallogin) if sociallogin is not None else None
    if connection is not None and connection.kind != Connection.Kind.PLATFORM:
        follow(connection, user, claims.attributes_of(sociallogin))


def connect() -> None:
    """Listen to sign-ins, once."""
    user_logged_in.connect(on_login, dispatch_uid="tremplin.sso.role_sync")
