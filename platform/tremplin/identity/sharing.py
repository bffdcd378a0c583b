"""Exceptional sharing: this one object with this one person or the holders of this one role.

Rows that belong to someone by structure (owner, cohort, coach) are found by foreign keys: that is
what ``rows`` says when a model is registered. django-guardian keeps only what was shared on top.
The measures behind the two shapes of query are in the design of identity, section 9: an object's
key is text in guardian, so the cast stands on the side of the grants, never on the objects.

For core applications. Plugins keep their own structural rows: the plugin contract offers no
object permission.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import CharField, Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Cast

from tremplin.identity.models import User

Rows = Callable[[User, str], Q]
_PREFIX = "shared_"


@dataclass(frozen=True, slots=True)
class Shareable:
    """One model whose objects may be shared: what with, and which rows are one's own anyway."""

    model: type[Model]
    actions: tuple[str, ...]
    rows: Rows


@dataclass(frozen=True, slots=True)
class Grant:
    """One share of an object: exactly one of ``person`` and ``role`` is set."""

    action: str
    person: User | None
    role: str


_registered: dict[type[Model], Shareable] = {}


def register(model: type[Model], *, actions: Sequence[str], rows: Rows) -> None:
    """Let objects of ``model`` be shared; ``rows(person, action)`` are those she has by structure.

    The service that deletes such an object calls ``forget_object``; what goes otherwise is swept
    every night. Raises ``ValueError`` without an action.
    """
    if not actions:
        raise ValueError("a shareable model needs at least one action")
    _registered[model] = Shareable(model, tuple(actions), rows)


def unregister(model: type[Model]) -> None:
    """Stop sharing objects of ``model``; grants already made stay until ``sweep``."""
    _registered.pop(model, None)


def _declared(model: type[Model], action: str) -> Shareable:
    found = _registered.get(model)
    if found is None or action not in found.actions:
        raise LookupError(f"{model._meta.label} is not shared for {action!r}")
    return found


def _permission(model: type[Model], action: str) -> Permission:
    """Return the permission row of an action; it stands for no right of any role."""
    return Permission.objects.get_or_create(
        content_type=ContentType.objects.get_for_model(model),
        codename=f"{_PREFIX}{action}",
        defaults={"name": f"Shared: {action}"},
    )[0]


@transaction.atomic
def share(
    item: Model, action: str, *, person: User | None = None, role: Group | None = None
) -> bool:
    """Share ``item`` for ``action`` with a person or with a role; return whether it was new.

    Raises ``LookupError`` for a model or an action that was not registered, ``ValueError`` unless
    exactly one receiver is given.
    """
    _declared(type(item), action)
    table, receiver = _receiver(person, role)
    permission = _permission(type(item), action)
    _row, created = table.objects.get_or_create(
        permission=permission,
        content_type_id=permission.content_type_id,
        object_pk=str(item.pk),
        **receiver,
    )
    if created:
        _audit("security.object_shared", item, action, person, role)
    return bool(created)


@transaction.atomic
def unshare(
    item: Model, action: str, *, person: User | None = None, role: Group | None = None
) -> bool:
    """Take a share back; return whether there was one. Same errors as ``share``."""
    _declared(type(item), action)
    table, receiver = _receiver(person, role)
    deleted, _models = table.objects.filter(
        **_of(type(item), action), object_pk=str(item.pk), **receiver
    ).delete()
    if deleted:
        _audit("security.object_unshared", item, action, person, role)
    return bool(deleted)


def shared_with(item: Model) -> list[Grant]:
    """Return every share of ``item``: people by name, then roles by code (2 queries)."""
    people, roles = _tables()
    of = {
        "content_type": ContentType.objects.get_for_model(type(item)),
        "object_pk": str(item.pk),
        "permission__codename__startswith": _PREFIX,
    }
    found = [
        Grant(row.permission.codename.removeprefix(_PREFIX), row.user, "")
        for row in people.objects.filter(**of)
        .select_related("permission", "user")
        .order_by("user__last_name", "user__first_name", "user_id", "permission__codename")
    ]
    found += [
        Grant(row.permission.codename.removeprefix(_PREFIX), None, row.group.name)
        for row in roles.objects.filter(**of)
        .select_related("permission", "group")
        .order_by("group__name", "permission__codename")
    ]
    return found


def scope(person: User, queryset: QuerySet[Any], action: str) -> QuerySet[Any]:
    """Return the rows of ``queryset`` that ``person`` may reach: her own and the shared ones.

    Still one query, whatever the number of rows. Raises ``LookupError`` as ``share`` does.
    """
    declared = _declared(queryset.model, action)
    key = queryset.model._meta.pk
    mine = declared.rows(person, action)
    for grants in _grants(person, queryset.model, action):
        keys = grants.annotate(shared_pk=Cast("object_pk", output_field=key)).values("shared_pk")
        mine |= Q(pk__in=keys)
    return queryset.filter(mine)


def allowed(person: User, action: str, item: Model) -> bool:
    """Tell whether ``person`` may do ``action`` to this one object (1 query)."""
    return scope(person, type(item)._default_manager.filter(pk=item.pk), action).exists()


def allowed_among(person: User, action: str, items: Iterable[Model]) -> set[Any]:
    """Return the keys of ``items`` that ``person`` may reach, for a page of a list (1 query)."""
    rows = list(items)
    if not rows:
        return set()
    found = type(rows[0])._default_manager.filter(pk__in=[row.pk for row in rows])
    return set(scope(person, found, action).values_list("pk", flat=True))


def forget_person(person: User) -> int:
    """Take back everything shared with ``person``; return how many grants went."""
    return int(_tables()[0].objects.filter(user=person).delete()[0])


def forget_object(item: Model) -> int:
    """Remove the grants on ``item``, which is about to be deleted; return how many."""
    return _forget(type(item), str(item.pk))


def sweep() -> int:
    """Remove the grants whose object is gone, and return how many.

    Objects removed by SQL or by a cascade of the database leave theirs: guardian has no key to
    them. One statement per table and content type that has grants.
    """
    removed = 0
    for table in _tables():
        for content_type in ContentType.objects.filter(
            pk__in=table.objects.values("content_type_id")
        ):
            model = content_type.model_class()
            if model is None:
                continue  # its module is not installed now: it may come back with its rows
            present = model._base_manager.annotate(key=Cast("pk", CharField())).filter(
                key=OuterRef("object_pk")
            )
            orphans = table.objects.filter(~Exists(present), content_type=content_type)
            removed += int(orphans.delete()[0])
    return removed


def _tables() -> tuple[Any, Any]:
    from guardian.models import GroupObjectPermission, UserObjectPermission

    return UserObjectPermission, GroupObjectPermission


def _receiver(person: User | None, role: Group | None) -> tuple[Any, dict[str, Any]]:
    if (person is None) == (role is None):
        raise ValueError("share with one person or with one role")
    people, roles = _tables()
    return (people, {"user": person}) if person is not None else (roles, {"group": role})


def _of(model: type[Model], action: str) -> dict[str, Any]:
    return {
        "content_type": ContentType.objects.get_for_model(model),
        "permission__codename": f"{_PREFIX}{action}",
    }


def _grants(person: User, model: type[Model], action: str) -> tuple[QuerySet[Any], QuerySet[Any]]:
    people, roles = _tables()
    of = _of(model, action)
    held = User.groups.through.objects.filter(user_id=person.pk).values("group_id")
    return (
        people.objects.filter(user_id=person.pk, **of),
        roles.objects.filter(group_id__in=held, **of),
    )


def _forget(model: type[Model], key: str) -> int:
    content_type = ContentType.objects.get_for_model(model)
    return sum(
        table.objects.filter(content_type=content_type, object_pk=key).delete()[0]
        for table in _tables()
    )


def _audit(kind: str, item: Model, action: str, person: User | None, role: Group | None) -> None:
    from tremplin.api import services

    services.audit().record(
        kind,
        target=f"person:{person.pk}" if person is not None else f"role:{role.name if role else ''}",
        data={"object": f"{item._meta.label_lower}:{item.pk}", "action": action},
    )
