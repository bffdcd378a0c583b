"""Who may give which role, who may change whose account, and which rights may be handed on."""

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
    bound = {role.code for role in roles.declared_for(kind) if role.kinds != roles.EVERY_KIND}
    return frozenset(bound - ORDINARY)


def assignable(ctx: TenantContext) -> tuple[roles.Role, ...]:
    """Return the roles that the person of ``ctx`` may give, in display order.

    An administrator gives every role but those of the platform, which only platform staff give.
    Anyone else who may give roles gives those whose permissions she holds herself.
    """
    person = ctx.person
    if person is None:
        return ()
    kind = ctx.tenant.kind
    if ctx.can("identity.manage_roles"):
        top = TOP_ROLE.get(kind, "")
        barred = frozenset() if top in person.roles else restricted_roles(kind)
        open_roles = [role for role in roles.roles_for(kind) if role.code not in barred]
        if person.roles & ({"admin", top} - {""}):
            return tuple(open_roles)
        allowed = roles.permissions_by_role()
        return tuple(
            role
            for role in open_roles
            if role.code in ORDINARY or all(map(ctx.can, allowed.get(role.code, ())))
        )
    if ctx.can("identity.manage_people"):
        return tuple(role for role in roles.declared_for(kind) if role.code in ORDINARY)
    return ()


def assignable_codes(ctx: TenantContext) -> frozenset[str]:
    """Return the codes of ``assignable``."""
    return frozenset(role.code for role in assignable(ctx))


def grantable_permissions(ctx: TenantContext) -> frozenset[str]:
    """Return what the person of ``ctx`` may put in a role of the space.

    What she holds herself or could have by a role that she may give; never what is meant for the
    operator or resellers only, whatever the kind of this space.
    """
    if not ctx.can("identity.manage_roles"):
        return frozenset()
    reach = assignable_codes(ctx)
    within = {
        code
        for role, codes in roles.permissions_by_role().items()
        if role in reach
        for code in codes
    }
    declared = {
        f"{label}.{permission.code}"
        for label, permissions in roles.declared_permissions().items()
        for permission in permissions
    }
    mine = {code for code in declared if ctx.can(code)}
    return frozenset((within | mine) & declared) - roles.platform_permissions()


def refuse_role_change(changed: Iterable[str], reach: frozenset[str]) -> str:
    """Return why roles may not be given or taken, or an empty string. ``reach``: assignable codes."""
    beyond = sorted(set(changed) - reach)
    if not beyond:
        return ""
    names = roles.labels()
    return _("You may not give or take the role “%(role)s”.") % {
        "role": ", ".join(names.get(code, code) for code in beyond)
    }


def check_assignment(ctx: TenantContext, before: Iterable[str], after: Iterable[str]) -> None:
    """Refuse a change of roles that gives or takes one the person may not give.

    Raises ``IdentityError`` ``role_not_yours``.
    """
    problem = refuse_role_change(set(before) ^ set(after), assignable_codes(ctx))
    if problem:
        raise IdentityError("role_not_yours", problem)


def may_manage(ctx: TenantContext, target_roles: Iterable[str]) -> bool:
    """Tell whether the person may suspend, remove or edit someone with these roles."""
    if not ctx.can("identity.manage_people"):
        return False
    return set(target_roles) <= assignable_codes(ctx)


def may_reset_factors(ctx: TenantContext, target_roles: Iterable[str], *, owner: bool) -> bool:
    """Tell whether the person of ``ctx`` may take away someone's lost second factor.

    The owner and the people whose role holds power over spaces are out of reach, except for the
    administrators of the platform in its own space, and for the owner as to the second.
    """
    from tremplin.identity.services import is_owner_id

    person = ctx.person
    if person is None or not ctx.can("identity.manage_security"):
        return False
    held = set(target_roles)
    if owner or held & roles.MFA_ROLES:
        on_top = ctx.tenant.kind == "hq" and "platform_admin" in person.roles
        return on_top or (not owner and is_owner_id(person.id))
    return held <= assignable_codes(ctx) | ORDINARY


def check_manage(ctx: TenantContext, person_id: object, target_roles: Iterable[str]) -> None:
    """Refuse to act on oneself or on someone above. Raises ``IdentityError``."""
    if ctx.person is not None and ctx.person.id == person_id:
        raise IdentityError("yourself", _("You cannot do this to your own account."))
    if not may_manage(ctx, target_roles):
        raise IdentityError(
            "person_not_yours", _("Only someone who may give their roles can change this account.")
        )
