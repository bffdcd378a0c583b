"""The cohort behind a group resource, its members, and the roles that groups give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from uuid import UUID

from django.contrib.auth.models import Group as RoleGroup
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from scim2_models import ForbiddenException, InvalidValueException, UniquenessException

from tremplin.identity import identity_settings, seats, services
from tremplin.identity.errors import IdentityError, NoPlace
from tremplin.identity.models import Cohort, CohortMembership, CustomRole, User
from tremplin.identity.normalise import clean_text
from tremplin.sso.models import CohortRole, ScimRecord
from tremplin.sso.role_mapping import grantable_roles
from tremplin.sso.scim.mapping import members_of
from tremplin.sso.scim.people import PROTECTED_ROLES, record, target

MAX_NAME = 120
# Rights over other people's rights: a role made here that holds one is given by people only.
SENSITIVE = frozenset(
    {"manage_roles", "manage_security", "manage_api", "manage_sso", "support_access"}
)
_ONE_BY_ONE = 50  # beyond, changes of roles share lines of the audit log
_BATCH = 1_000


def sensitive_roles() -> set[str]:
    """Return the codes of the roles made here that give rights over other people's rights."""
    return set(
        CustomRole.objects.filter(group__permissions__codename__in=SENSITIVE).values_list(
            "group__name", flat=True
        )
    )


def mappable_roles() -> list[str]:
    """Return the codes of the roles that a group of the directory may give, in display order."""
    closed = PROTECTED_ROLES | sensitive_roles()
    return [code for code in grantable_roles() if code not in closed]


def attach_cohort(resource: ScimRecord, name: str) -> None:
    """Link a group resource to the cohort of this name, made when there is none.

    Raises ``UniquenessException`` when another group stands for the cohort and
    ``InvalidValueException`` for a name that no cohort can have.
    """
    _check_name(name)
    try:
        cohort = services.ensure_cohort(name)
    except IdentityError as error:
        raise InvalidValueException(detail=error.message) from error
    resource.cohort = cohort
    try:
        with transaction.atomic():
            resource.save(update_fields=["cohort"])
    except IntegrityError as error:
        raise UniquenessException(
            detail=_("Another group of the directory already has this name.")
        ) from error
    record(
        "security.directory_group_created",
        target=f"cohort:{cohort.pk}",
        data={"resource": str(resource.pk)},
    )


def rename(cohort: Cohort, name: str) -> None:
    """Follow a new name of the group. Raises as ``attach_cohort``."""
    _check_name(name)
    try:
        services.rename_cohort(cohort, name)
    except IdentityError as error:
        if error.code == "cohort_taken":
            raise UniquenessException(detail=error.message) from error
        raise InvalidValueException(detail=error.message) from error


def _check_name(name: str) -> None:
    if len(clean_text(name)) > MAX_NAME:
        raise InvalidValueException(
            detail=_("The name of a group has 120 characters at most: shorten displayName.")
        )


def set_members(resource: ScimRecord, before: Collection[str], after: Collection[str]) -> None:
    """Put the people of new members into the cohort and take those of former members out.

    Members that someone added by hand stay. Roles follow.
    """
    if resource.cohort_id is None:
        return
    joined = _people_of(set(after) - set(before))
    left = _people_of(set(before) - set(after))
    CohortMembership.objects.bulk_create(
        [CohortMembership(cohort_id=resource.cohort_id, person_id=person) for person in joined],
        ignore_conflicts=True,
        batch_size=_BATCH,
    )
    CohortMembership.objects.filter(cohort_id=resource.cohort_id, person_id__in=left).delete()
    if joined or left:
        record(
            "security.directory_group_changed",
            target=f"cohort:{resource.cohort_id}",
            data={"joined": len(joined), "left": len(left)},
        )
    if CohortRole.objects.filter(cohort_id=resource.cohort_id).exists():
        _follow_groups({*joined, *left})


def _people_of(resources: Iterable[str]) -> list[UUID]:
    wanted = list(resources)
    if not wanted:
        return []
    rows = ScimRecord.objects.filter(pk__in=wanted, resource_type="User", user__isnull=False)
    return [pk for pk in rows.order_by("pk").values_list("user_id", flat=True) if pk is not None]


def join_groups(resource: ScimRecord) -> None:
    """Put the person of a user resource that just got one into the groups that name it."""
    if resource.user_id is None:
        return
    groups = ScimRecord.objects.filter(
        resource_type="Group", document__contains={"members": [{"value": str(resource.pk)}]}
    )
    cohorts = [pk for pk in groups.values_list("cohort_id", flat=True) if pk is not None]
    CohortMembership.objects.bulk_create(
        [CohortMembership(cohort_id=pk, person_id=resource.user_id) for pk in cohorts],
        ignore_conflicts=True,
    )
    _follow_groups({resource.user_id})


def _follow_groups(people: Collection[UUID]) -> None:
    """Synchronise roles for the directory. Raises ``ForbiddenException`` when no place is left."""
    try:
        sync_roles(people)
    except NoPlace as error:
        raise ForbiddenException(detail=error.message) from error


def forget_member(resource: ScimRecord) -> None:
    """Take a deleted user resource out of the group documents; cohorts keep their history."""
    found = ScimRecord.objects.select_for_update().filter(
        resource_type="Group", document__contains={"members": [{"value": str(resource.pk)}]}
    )
    for group in found.order_by("pk"):
        kept = [
            entry
            for entry in group.document.get("members") or []
            if entry.get("value") != str(resource.pk)
        ]
        group.document = {**group.document, "members": kept}
        group.revision += 1
        group.save(update_fields=["document", "revision"])


def sync_roles(people: Collection[UUID], *, former: Collection[str] = ()) -> int:
    """Give ``people`` of the directory the roles of their groups and take away the others.

    Only roles that a group gives (or gave: ``former``) are touched, never those of administrators,
    of the platform or of resellers. Whoever is left without a role gets the one of new people.
    Returns the number of people changed.
    """
    if not people:
        return 0
    mapping = list(CohortRole.objects.values_list("role", "cohort_id"))
    allowed = set(mappable_roles())
    managed = ({role for role, _cohort in mapping} | set(former)) & allowed
    if not managed:
        return 0
    wanted = _wanted_roles(people, [(role, pk) for role, pk in mapping if role in managed])
    ids = dict(RoleGroup.objects.filter(name__in=managed).values_list("pk", "name"))
    through = User.groups.through
    held: dict[UUID, set[str]] = defaultdict(set)
    for person, group in through.objects.filter(user_id__in=wanted, group_id__in=ids).values_list(
        "user_id", "group_id"
    ):
        held[person].add(ids[group])
    codes = {name: pk for pk, name in ids.items()}
    added = {person: roles - held[person] for person, roles in wanted.items()}
    removed = {person: held[person] - roles for person, roles in wanted.items()}
    through.objects.bulk_create(
        [
            through(user_id=person, group_id=codes[code])
            for person, roles in added.items()
            for code in sorted(roles)
        ],
        ignore_conflicts=True,
        batch_size=_BATCH,
    )
    for code in sorted(managed):
        losing = [person for person, roles in removed.items() if code in roles]
        through.objects.filter(user_id__in=losing, group_id=codes[code]).delete()
    changed = sorted(person for person in wanted if added[person] or removed[person])
    _keep_one_role(changed)
    seats.follow(changed)
    _note_roles(changed, added, removed)
    return len(changed)


def _wanted_roles(
    people: Collection[UUID], mapping: list[tuple[str, UUID]]
) -> dict[UUID, set[str]]:
    """Return the roles that the groups of the directory give to each of its people."""
    resources = {
        str(pk): user
        for pk, user in ScimRecord.objects.filter(
            resource_type="User", user_id__in=people
        ).values_list("pk", "user_id")
        if user is not None
    }
    wanted: dict[UUID, set[str]] = {user: set() for user in resources.values()}
    documents = dict(
        ScimRecord.objects.filter(cohort_id__in={pk for _role, pk in mapping}).values_list(
            "cohort_id", "document"
        )
    )
    for role, cohort in mapping:
        for member in members_of(documents.get(cohort) or {}):
            if member in resources:
                wanted[resources[member]].add(role)
    return wanted


def _keep_one_role(people: list[UUID]) -> None:
    bare = list(User.objects.filter(pk__in=people, groups=None).values_list("pk", flat=True))
    role = RoleGroup.objects.filter(name=identity_settings.current().signup_role).first()
    if bare and role is not None:
        through = User.groups.through
        through.objects.bulk_create(
            [through(user_id=person, group_id=role.pk) for person in bare], ignore_conflicts=True
        )


def _note_roles(
    changed: list[UUID], added: dict[UUID, set[str]], removed: dict[UUID, set[str]]
) -> None:
    from tremplin.kernel.realtime.publishing import kick

    for person in changed:
        kick(person)
    if len(changed) <= _ONE_BY_ONE:
        for person in changed:
            record(
                "security.roles_changed",
                target=target(person),
                data={"added": sorted(added[person]), "removed": sorted(removed[person])},
            )
        return
    for start in range(0, len(changed), _BATCH):
        record(
            "security.directory_roles_changed",
            target="",
            data={
                "people": [
                    [str(person), sorted(added[person]), sorted(removed[person])]
                    for person in changed[start : start + _BATCH]
                ]
            },
        )


@transaction.atomic
def map_role(cohort: Cohort, role: str) -> int:
    """Let a group of the directory give ``role``; returns how many people received it.

    Raises ``IdentityError`` ``role_not_mappable`` or ``not_a_group``.
    """
    resource = ScimRecord.objects.filter(cohort=cohort).first()
    if resource is None:
        raise IdentityError("not_a_group", _("This cohort is not a group of the directory."))
    if role not in mappable_roles():
        raise IdentityError("role_not_mappable", _("A directory cannot give this role."))
    _row, is_new = CohortRole.objects.get_or_create(cohort=cohort, role=role)
    if not is_new:
        return 0
    changed = sync_roles(_people_of(members_of(resource.document)))
    record("security.directory_role_mapped", target=f"cohort:{cohort.pk}", data={"role": role})
    return changed


@transaction.atomic
def unmap_role(mapping: CohortRole) -> int:
    """Stop a group from giving its role; returns how many people lost it."""
    resource = ScimRecord.objects.filter(cohort_id=mapping.cohort_id).first()
    people = _people_of(members_of(resource.document)) if resource is not None else []
    mapping.delete()
    changed = sync_roles(people, former={mapping.role})
    record(
        "security.directory_role_unmapped",
        target=f"cohort:{mapping.cohort_id}",
        data={"role": mapping.role},
    )
    return changed


def preview(cohort: Cohort, role: str) -> list[User]:
    """Return the members of a group who do not hold ``role`` yet, by name."""
    resource = ScimRecord.objects.filter(cohort=cohort).first()
    people = _people_of(members_of(resource.document)) if resource is not None else []
    return list(
        User.objects.filter(pk__in=people)
        .exclude(groups__name=role)
        .order_by("last_name", "first_name", "email")
    )


def take_back_roles(cohort: Cohort) -> None:
    """Take the roles of a cohort's group back before the cohort is deleted."""
    for mapping in CohortRole.objects.filter(cohort=cohort):
        unmap_role(mapping)
