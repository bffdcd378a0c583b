"""Roles that a space makes for itself, by copying one and choosing what it allows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from tremplin.identity import identity_settings, roles
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import CustomRole, User
from tremplin.identity.normalise import clean_text, fold, slugify
from tremplin.identity.services.record import audit
from tremplin.identity.services.roles import groups_named, set_roles

MAX_ROLES = 50
MAX_MOVED = 500
_READABLE = 24  # of the 40 characters that a role code may have


def _checked_label(label: str, but: str = "") -> str:
    text = clean_text(label)[:80]
    if not slugify(text):
        raise IdentityError("role_name_required", _("Give the role a name with letters or digits."))
    taken = {fold(name) for code, name in roles.labels().items() if code != but}
    taken |= {fold(role.code.replace("_", " ")) for role in roles.declared_roles()}
    if fold(text) in taken:
        raise IdentityError("role_name_taken", _("Another role already has this name."))
    return text


def allow_custom_roles(tenant: Any, wanted: bool) -> None:
    """Switch the making of roles on or off in ``tenant``; those that exist stay.

    The change is recorded. Raises ``settings_store.LockedSetting`` when a higher level decides it.
    """
    from tremplin.kernel import settings_store

    settings_store.write(
        "tenant",
        tenant,
        "identity",
        {"custom_roles": wanted},
        model=identity_settings.IdentitySettings,
    )


def _checked_switch() -> None:
    if not identity_settings.current().custom_roles:
        raise IdentityError("custom_roles_off", _("This space does not make roles of its own."))


def _rows(codes: Iterable[str]) -> list[Permission]:
    wanted = Q(pk=None)
    for code in sorted(codes):
        label, _dot, codename = code.partition(".")
        wanted |= Q(content_type__app_label=label, codename=codename)
    return list(Permission.objects.filter(wanted, content_type__model="module"))


def _refuse_beyond(codes: frozenset[str], grantable: frozenset[str]) -> None:
    beyond = sorted(codes - grantable)
    if beyond:
        raise IdentityError(
            "permission_not_yours",
            _("You may not hand on this permission: %(list)s") % {"list": ", ".join(beyond)},
        )


@transaction.atomic
def create_role(
    label: str,
    description: str,
    *,
    copied_from: str,
    permissions: Iterable[str],
    grantable: frozenset[str],
    created_by: User | None,
) -> CustomRole:
    """Store a role of this space and return it.

    ``permissions`` are ``<label>.<code>``, all among ``grantable``: what its author may hand on.
    Raises ``IdentityError`` ``custom_roles_off``, ``role_name_required``, ``role_name_taken``,
    ``permission_not_yours``, ``unknown_role`` (the origin) or ``too_many_roles``.
    """
    _checked_switch()
    text = _checked_label(label)
    chosen = frozenset(permissions)
    _refuse_beyond(chosen, grantable)
    groups_named([copied_from])
    if CustomRole.objects.count() >= MAX_ROLES:
        raise IdentityError("too_many_roles", _("A space makes 50 roles of its own at most."))
    code = f"{roles.CUSTOM_PREFIX}{slugify(text, limit=_READABLE)}"
    if Group.objects.filter(name=code).exists():
        code = f"{code}-{uuid4().hex[:6]}"
    group = Group.objects.create(name=code)
    group.permissions.set(_rows(chosen))
    role = CustomRole.objects.create(
        group=group,
        label=text,
        description=clean_text(description)[:300],
        # A copy of a copy counts as its first origin does.
        copied_from=_origin(copied_from),
        created_by=created_by,
    )
    audit(
        "security.role_created",
        target=f"role:{code}",
        data={"copied_from": copied_from, "permissions": sorted(chosen)},
    )
    return role


def _origin(code: str) -> str:
    found = CustomRole.objects.filter(group__name=code).values_list("copied_from", flat=True)
    return str(found.first() or code)


@transaction.atomic
def change_role(
    role: CustomRole,
    *,
    label: str,
    description: str,
    permissions: Iterable[str],
    grantable: frozenset[str],
) -> bool:
    """Rename, describe and change what a role allows; return whether its permissions changed.

    Permissions beyond ``grantable`` stay as they are: whoever edits the role neither gives nor
    takes them. Raises ``IdentityError`` as ``create_role`` does.
    """
    _checked_switch()
    code = role.group.name
    text = _checked_label(label, but=code)
    chosen = frozenset(permissions)
    _refuse_beyond(chosen, grantable)
    # Two people who edit the same role wait for each other.
    Group.objects.select_for_update().get(pk=role.pk)
    before = roles.permissions_by_role().get(code, frozenset())
    after = (before - grantable) | chosen
    role.label, role.description = text, clean_text(description)[:300]
    role.save(update_fields=["label", "description"])
    if after != before:
        role.group.permissions.set(_rows(after))
        _close_streams_of(role)
    audit(
        "security.role_changed",
        target=f"role:{code}",
        data={"added": sorted(after - before), "removed": sorted(before - after)},
    )
    return after != before


def _close_streams_of(role: CustomRole) -> None:
    from tremplin.kernel.realtime.publishing import kick

    for pk in role.group.user_set.values_list("pk", flat=True)[:MAX_MOVED]:
        kick(pk)


@transaction.atomic
def delete_role(role: CustomRole, *, move_to: str = "") -> int:
    """Delete a role after giving ``move_to`` to each of its holders; return how many there were.

    Raises ``IdentityError`` ``role_held`` when someone holds it and no other role is named,
    ``too_many_holders`` above 500 people (a bulk action moves them first), ``unknown_role``.
    """
    code = role.group.name
    Group.objects.select_for_update().get(pk=role.pk)
    holders = list(User.objects.filter(groups=role.group).order_by("pk"))
    if holders and (not move_to or move_to == code):
        raise IdentityError("role_held", _("People hold this role: choose the one they get."))
    if len(holders) > MAX_MOVED:
        raise IdentityError(
            "too_many_holders",
            _("More than 500 people hold this role. Give them another one first, from the list."),
        )
    for person in holders:
        held = set(person.groups.values_list("name", flat=True))
        set_roles(person, (held - {code}) | {move_to})
    audit(
        "security.role_deleted",
        target=f"role:{code}",
        data={"moved": len(holders), "to": move_to if holders else ""},
    )
    role.group.delete()
    return len(holders)
