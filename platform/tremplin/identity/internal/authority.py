"""Who may give which role, and who may change whose account."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from tremplin.api.context import TenantContext
from tremplin.identity import roles
from tremplin.identity.errors import IdentityError

# Roles that grant nothing over other people: whoever manages people may give them.
ORDINARY = frozenset({"learner", "candidate", "professional", "member"})
# Roles bound to one kind of space are given only by the holders of this one.
TOP_ROLE = {"hq": "platform_admin", "reseller": "reseller_owner"}


def restricted_roles(kind: str) -> frozenset[str]:
    """Return the roles that only this kind of space has, without the harmless ones."""
    bound = {role.code for role in roles.roles_for(kind) if role.kinds != roles.EVERY_KIND}
    return frozenset(bound - ORDINARY)


def assignable(ctx: TenantContext) -> tuple[roles.Role, ...]:
    """Return the roles that the person of ``ctx`` may give, in display order."""
    if ctx.person is None:
        return ()
    available = roles.roles_for(ctx.tenant.kind)
    if ctx.can("identity.manage_roles"):
        top = TOP_ROLE.get(ctx.tenant.kind)
        barred = frozenset() if top in ctx.person.roles else restricted_roles(ctx.tenant.kind)
        return tuple(role for role in available if role.code not in barred)
    if ctx.can("identity.manage_people"):
        return tuple(role for role in available if role.code in ORDINARY)
    return ()


def assignable_codes(ctx: TenantContext) -> frozenset[str]:
    """Return the codes of ``assignable``."""
    return frozenset(role.code for role in assignable(ctx))


def check_assignment(ctx: TenantContext, before: Iterable[str], after: Iterable[str]) -> None:
    """Refuse a change of roles that gives or takes one the person may not give.

    Raises ``IdentityError`` ``role_not_yours``.
    """
    changed = set(before) ^ set(after)
    beyond = sorted(changed - assignable_codes(ctx))
    if beyond:
        raise IdentityError(
            "role_not_yours",
            _("You may not give or take the role “%(role)s”.")
            % {"role": ", ".join(roles.label(code) for code in beyond)},
        )


def may_manage(ctx: TenantContext, target_roles: Iterable[str]) -> bool:
    """Tell whether the person may suspend, remove or edit someone with these roles."""
    if not ctx.can("identity.manage_people"):
        return False
    return set(target_roles) <= assignable_codes(ctx)


def check_manage(ctx: TenantContext, person_id: object, target_roles: Iterable[str]) -> None:
    """Refuse to act on oneself or on someone above. Raises ``IdentityError``."""
    if ctx.person is not None and ctx.person.id == person_id:
        raise IdentityError("yourself", _("You cannot do this to your own account."))
    if not may_manage(ctx, target_roles):
        raise IdentityError(
            "person_not_yours", _("Only someone who may give their roles can change this account.")
        )
