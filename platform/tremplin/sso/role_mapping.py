"""From what a directory says to roles of the space, never beyond what a directory may give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.contrib.auth.models import Group

from tremplin.identity import roles as catalogue
from tremplin.kernel.current import current_tenant

if TYPE_CHECKING:
    from tremplin.sso.models import Connection

# What people who are in no line of the table may become: nothing over anybody else.
LOW_ROLES = frozenset({"learner", "candidate", "professional", "member"})
# Whoever holds these rules over spaces or money: only a person of the space may give them.
FORBIDDEN = frozenset({"owner"}) | catalogue.MFA_ROLES


def lowest_role() -> str:
    """Return the role that opens least in the current space."""
    tenant = current_tenant.get()
    return "member" if tenant is not None and tenant.kind == "hq" else "learner"


def grantable_roles() -> list[str]:
    """Return the codes of the roles that a directory may give in this space, in display order."""
    present = set(Group.objects.values_list("name", flat=True)) - FORBIDDEN
    declared = [role.code for role in catalogue.declared_roles() if role.code in present]
    return declared + sorted(present - set(declared))


def roles_from(connection: Connection, attributes: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the roles that ``attributes`` give through the table of ``connection``.

    Values compare without case or surrounding spaces. A value that is not in the table gives
    nothing by itself; without any known value the person receives the default role of the
    connection. Roles of the platform, of resellers and ownership are never given, even when a
    table holds them.
    """
    present = set(grantable_roles())
    table = {
        str(value).strip().casefold(): str(role) for value, role in connection.role_map.items()
    }
    wanted = {
        table[key]
        for value in attributes.get(connection.role_attribute, ())
        if connection.role_attribute and (key := value.strip().casefold()) in table
    } & present
    if wanted:
        return sorted(wanted)
    return [connection.default_role if connection.default_role in present else lowest_role()]
