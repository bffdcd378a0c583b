"""Roles are groups; permissions are rows. Both are declared in code and synchronised per schema."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

from django.contrib.auth.models import Group
from django.contrib.auth.models import Permission as PermissionRow
from django.contrib.contenttypes.models import ContentType
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tremplin.api.manifest import Permission, Text

EVERY_KIND = frozenset({"hq", "reseller", "school", "company"})
# Declared codes are identifiers: with a hyphen, a space's own role never meets one of them.
CUSTOM_PREFIX = "custom-"


@dataclass(frozen=True, slots=True)
class Role:
    """One role: ``code`` is the group's name, ``kinds`` the kinds of space that have it."""

    code: str
    label: str | Promise | Text
    counts_as_seat: bool = False
    kinds: frozenset[str] = EVERY_KIND


CORE_ROLES: tuple[Role, ...] = (
    Role("admin", _("Administrator")),
    Role("manager", _("Manager")),
    Role("trainer", _("Trainer")),
    Role("coach", _("Coach")),
    Role("recruiter", _("Recruiter")),
    Role("learner", _("Learner"), counts_as_seat=True),
    Role("candidate", _("Candidate"), counts_as_seat=True),
    Role("professional", _("Professional")),
    Role("dpo", _("Data protection officer")),
    Role("platform_admin", _("Platform administrator"), kinds=frozenset({"hq"})),
    Role("support", _("Support"), kinds=frozenset({"hq"})),
    Role("billing", _("Billing"), kinds=frozenset({"hq"})),
    Role("member", _("Member"), kinds=frozenset({"hq"})),
    Role("reseller_owner", _("Reseller owner"), kinds=frozenset({"reseller"})),
    Role("reseller_staff", _("Reseller staff"), kinds=frozenset({"reseller"})),
)
# A second factor is mandatory for these, whatever the space decides.
MFA_ROLES = frozenset({"platform_admin", "support", "billing", "reseller_owner", "reseller_staff"})

_registered: dict[str, tuple[Permission, ...]] = {}

OWN_PERMISSIONS = (
    Permission(
        code="view_people",
        label=Text(en="See people and cohorts", fr="Voir les personnes et les cohortes"),
        default_roles=("admin", "manager", "trainer", "coach", "dpo"),
    ),
    Permission(
        code="manage_people",
        label=Text(
            en="Invite, import, suspend and remove people",
            fr="Inviter, importer, suspendre et retirer des personnes",
        ),
        default_roles=("admin", "manager"),
    ),
    Permission(
        code="manage_roles",
        label=Text(en="Give and take roles", fr="Donner et retirer des rôles"),
        default_roles=("admin",),
    ),
    Permission(
        code="manage_security",
        label=Text(
            en="Set the rules of sign-in, networks and support access",
            fr="Régler la connexion, les réseaux et l’accès de l’assistance",
        ),
        default_roles=("admin",),
    ),
    Permission(
        code="manage_api",
        label=Text(
            en="Create and revoke API keys and applications",
            fr="Créer et révoquer les clés d’API et les applications",
        ),
        default_roles=("admin",),
    ),
    Permission(
        code="support_access",
        label=Text(
            en="View a space as one of its people",
            fr="Voir un espace comme l’une de ses personnes",
        ),
        default_roles=("platform_admin", "support", "reseller_owner", "reseller_staff"),
    ),
)

# The kernel lies below identity: the right to read its log is declared here for it.
KERNEL_PERMISSIONS = (
    Permission(
        code="view_audit",
        label=Text(en="Read the security log", fr="Lire le journal de sécurité"),
        default_roles=("admin", "dpo"),
    ),
)


def register_permissions(
    app_label: str, permissions: tuple[Permission, ...] | list[Permission]
) -> None:
    """Declare the permissions of a core application; call it in ``AppConfig.ready()``.

    Raises ``ValueError`` when the application declared something else before.
    """
    declared = tuple(permissions)
    if _registered.setdefault(app_label, declared) != declared:
        raise ValueError(f"the permissions of {app_label!r} are already declared")


def _plugin_parts() -> tuple[tuple[Role, ...], dict[str, tuple[Permission, ...]]]:
    from tremplin.kernel import registry

    registry.startup()
    return _read_plugins(registry.generation())


@lru_cache(maxsize=2)
def _read_plugins(generation: int) -> tuple[tuple[Role, ...], dict[str, tuple[Permission, ...]]]:
    from tremplin.kernel import registry

    roles: list[Role] = []
    permissions: dict[str, tuple[Permission, ...]] = {}
    known = {role.code for role in CORE_ROLES}
    for entry in registry.plugins():
        if entry.manifest is None:
            continue
        permissions[entry.slug] = entry.manifest.permissions
        for role in entry.manifest.roles:
            if role.code not in known:
                known.add(role.code)
                roles.append(Role(role.code, role.label, role.counts_as_seat))
    return tuple(roles), permissions


def declared_roles() -> tuple[Role, ...]:
    """Return every role of the core and of the installed plugins, in display order."""
    return CORE_ROLES + _plugin_parts()[0]


def declared_for(kind: str) -> tuple[Role, ...]:
    """Return the declared roles that a space of this kind has, in display order."""
    return tuple(role for role in declared_roles() if kind in role.kinds)


def custom_roles() -> tuple[Role, ...]:
    """Return the roles that the current space made for itself, by name (1 query).

    A copy of a role that takes a seat takes one as well, whatever became of its permissions.
    """
    from tremplin.identity.models import CustomRole
    from tremplin.kernel.current import current_tenant

    if current_tenant.get() is None:
        return ()
    counted = {role.code for role in declared_roles() if role.counts_as_seat}
    rows = CustomRole.objects.order_by("label").values_list("group__name", "label", "copied_from")
    return tuple(Role(code, name, origin in counted) for code, name, origin in rows)


def is_custom(code: str) -> bool:
    """Tell whether ``code`` belongs to a role made by a space; declared codes hold no hyphen."""
    return code.startswith(CUSTOM_PREFIX)


def roles_for(kind: str) -> tuple[Role, ...]:
    """Return the roles that the current space has: those of its kind, then its own (1 query)."""
    return declared_for(kind) + custom_roles()


def name_of(role: Role) -> str:
    """Return the name of ``role`` in the current language."""
    from django.utils.translation import get_language

    if isinstance(role.label, Text):
        return role.label.in_language(get_language() or "en")
    return str(role.label)


def labels() -> dict[str, str]:
    """Return the name of every role of the current space by code, for lists (1 query)."""
    return {role.code: name_of(role) for role in (*declared_roles(), *custom_roles())}


def label(code: str) -> str:
    """Return the role's name in the current language (the code itself when unknown).

    One query for a role made by the space, none for the others: lists use ``labels``.
    """
    for role in custom_roles() if is_custom(code) else declared_roles():
        if role.code == code:
            return name_of(role)
    return code


def platform_permissions() -> frozenset[str]:
    """Return ``<label>.<code>`` of the permissions meant only for roles of the operator or resellers."""
    bound = {role.code for role in declared_roles() if role.kinds != EVERY_KIND}
    return frozenset(
        f"{label}.{permission.code}"
        for label, permissions in declared_permissions().items()
        for permission in permissions
        if permission.default_roles and bound.issuperset(permission.default_roles)
    )


def permissions_by_role() -> dict[str, frozenset[str]]:
    """Return what each role of the current space allows, as ``<label>.<code>`` (1 query)."""
    held: dict[str, set[str]] = {}
    rows = Group.permissions.through.objects.filter(
        permission__content_type__model="module"
    ).values_list("group__name", "permission__content_type__app_label", "permission__codename")
    for role, app_label, code in rows:
        held.setdefault(role, set()).add(f"{app_label}.{code}")
    return {role: frozenset(codes) for role, codes in held.items()}


def declared_permissions() -> dict[str, tuple[Permission, ...]]:
    """Return the declared permissions by application label or plugin slug."""
    return {**_registered, **_plugin_parts()[1]}


def seat_roles() -> frozenset[str]:
    """Return the codes of the roles whose holders take a seat, the space's own included."""
    every = (*declared_roles(), *custom_roles())
    return frozenset(role.code for role in every if role.counts_as_seat)


def fingerprint() -> str:
    """Return a hash of all declarations: when it changes, every schema is synchronised again."""
    content = {
        "roles": sorted((role.code, sorted(role.kinds)) for role in declared_roles()),
        "permissions": sorted(
            (f"{label}.{permission.code}", permission.label.en, sorted(permission.default_roles))
            for label, permissions in declared_permissions().items()
            for permission in permissions
        ),
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _content_type_ids(labels: list[str]) -> dict[str, int]:
    """Return the id of the content type ``<label>.module``; the same in every database."""
    found = dict(
        ContentType.objects.filter(app_label__in=labels, model="module").values_list(
            "app_label", "id"
        )
    )
    for name in labels:
        if name not in found:  # the id derives from the name, the same in every database
            found[name] = ContentType.objects.get_or_create(app_label=name, model="module")[0].pk
    return found


def sync(kind: str = "") -> None:
    """Make groups and permissions of the current schema equal to the declarations.

    Idempotent and cheap when nothing changed. Roles restricted to some kinds of space are created
    only when ``kind`` names one of them (provisioning); once there, they are kept up to date.
    Rows that are no longer declared are left alone: a plugin that comes back finds them.
    """
    declarations = declared_permissions()
    content_types = _content_type_ids(sorted(declarations))
    groups = {group.name: group for group in Group.objects.all()}
    wanted_groups = [
        role.code
        for role in declared_roles()
        if role.code not in groups and (role.kinds == EVERY_KIND or kind in role.kinds)
    ]
    if wanted_groups:
        Group.objects.bulk_create([Group(name=code) for code in wanted_groups])
        groups = {group.name: group for group in Group.objects.all()}
    rows = _sync_permissions(declarations, content_types)
    _sync_grants(declarations, content_types, groups, rows)


def _sync_permissions(
    declarations: dict[str, tuple[Permission, ...]], content_types: dict[str, int]
) -> dict[tuple[int, str], PermissionRow]:
    def read() -> dict[tuple[int, str], PermissionRow]:
        return {
            (row.content_type_id, row.codename): row
            for row in PermissionRow.objects.filter(content_type_id__in=content_types.values())
        }

    rows = read()
    missing, changed = [], []
    for label, permissions in declarations.items():
        for permission in permissions:
            row = rows.get((content_types[label], permission.code))
            name = permission.label.en[:255]
            if row is None:
                missing.append(
                    PermissionRow(
                        content_type_id=content_types[label], codename=permission.code, name=name
                    )
                )
            elif row.name != name:
                row.name = name
                changed.append(row)
    if changed:
        PermissionRow.objects.bulk_update(changed, ["name"])
    if missing:
        PermissionRow.objects.bulk_create(missing)
        rows = read()
    return rows


def _sync_grants(
    declarations: dict[str, tuple[Permission, ...]],
    content_types: dict[str, int],
    groups: dict[str, Group],
    rows: dict[tuple[int, str], PermissionRow],
) -> None:
    grant = Group.permissions.through
    seeded = {role.code for role in declared_roles()}
    managed_groups = {group.pk for name, group in groups.items() if name in seeded}
    managed_rows, wanted = set(), set()
    for label, permissions in declarations.items():
        for permission in permissions:
            row = rows[(content_types[label], permission.code)]
            managed_rows.add(row.pk)
            wanted |= {
                (groups[code].pk, row.pk) for code in permission.default_roles if code in groups
            }
    existing = {
        (group_id, permission_id): pk
        for pk, group_id, permission_id in grant.objects.filter(
            group_id__in=managed_groups, permission_id__in=managed_rows
        ).values_list("id", "group_id", "permission_id")
    }
    extra = [pk for pair, pk in existing.items() if pair not in wanted]
    if extra:
        grant.objects.filter(id__in=extra).delete()
    missing = sorted(wanted - set(existing))
    if missing:
        grant.objects.bulk_create(
            [grant(group_id=group, permission_id=permission) for group, permission in missing]
        )
