"""Who holds which role, and who owns the space."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext as _

from tremplin.identity import seats
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import SpaceOwner, User
from tremplin.identity.services.record import audit, target
from tremplin.identity.services.sessions import close_streams


def groups_named(codes: Iterable[str]) -> list[Group]:
    """Return the groups of these role codes. Raises ``IdentityError`` ``unknown_role``."""
    wanted = sorted(set(codes))
    found = list(Group.objects.filter(name__in=wanted))
    unknown = sorted(set(wanted) - {group.name for group in found})
    if unknown:
        raise IdentityError(
            "unknown_role", _("This space has no role “%(role)s”.") % {"role": ", ".join(unknown)}
        )
    return found


@transaction.atomic
def set_roles(person: User, roles: Iterable[str]) -> bool:
    """Give ``person`` exactly these roles and return whether anything changed.

    Raises ``IdentityError`` ``unknown_role`` or ``owner_keeps_admin``, ``NoPlace``.
    """
    groups = groups_named(roles)
    wanted = {group.name for group in groups}
    if "admin" not in wanted and is_owner(person):
        raise IdentityError(
            "owner_keeps_admin",
            _("The owner of the space stays an administrator. Pass the ownership on first."),
        )
    before = set(person.groups.values_list("name", flat=True))
    if before == wanted:
        return False
    if "admin" in before - wanted:
        keep_an_admin(person)
    person.groups.set(groups)
    person.forget_rights()
    seats.follow([person.pk])
    close_streams(person)
    audit(
        "security.roles_changed",
        target=target(person),
        data={"added": sorted(wanted - before), "removed": sorted(before - wanted)},
    )
    return True


def keep_an_admin(person: User) -> None:
    """Refuse to close or demote the last administrator. Raises ``IdentityError`` ``last_admin``.

    The row of the role is locked until the end of the transaction: two administrators who close
    each other's account at the same moment cannot both succeed. An account with an end date does
    not count: the space would be left without an administrator when it expires.
    """
    if not person.groups.filter(name="admin").exists():
        return
    list(Group.objects.select_for_update().filter(name="admin").values_list("pk", flat=True))
    others = User.objects.present().filter(is_active=True, expires_at=None, groups__name="admin")
    if not others.exclude(pk=person.pk).exists():
        raise IdentityError(
            "last_admin",
            _("This is the last administrator. Make someone else an administrator first."),
        )


def is_owner_id(pk: object) -> bool:
    """Tell whether the person with this id owns the space."""
    return SpaceOwner.objects.filter(person_id=pk).exists()


def is_owner(person: User) -> bool:
    """Tell whether ``person`` owns the space."""
    return SpaceOwner.objects.filter(person=person).exists()


@transaction.atomic
def set_owner(person: User) -> None:
    """Make ``person`` the owner; she also becomes an administrator."""
    person.groups.add(*groups_named(["admin"]))
    person.forget_rights()
    SpaceOwner.objects.update_or_create(id=1, defaults={"person": person})
    audit("security.owner_changed", target=target(person))
