"""Keeps the resources of a directory in the space's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from scim2_models import (
    Group,
    InvalidValueException,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimProvider,
    SearchRequest,
    UniquenessException,
)
from scim2_server.storage import ScimStorage, SearchPage

from tremplin.identity.normalise import is_email, normalise_email
from tremplin.sso.models import ScimRecord
from tremplin.sso.scim import groups, people, search
from tremplin.sso.scim.limits import MAX_KEY
from tremplin.sso.scim.mapping import DROPPED, identity_of, members_of, unique_key

USER, GROUP = "User", "Group"


class DirectoryStorage(ScimStorage):
    """The resources of the current space; one instance serves one request.

    ``for_update``: reads come before a write of the same operation and lock the row, so that two
    changes of one resource follow each other instead of overwriting.
    """

    def __init__(self, provider: ScimProvider, *, for_update: bool = False) -> None:
        self.provider = provider
        self.for_update = for_update

    def operation(self) -> AbstractContextManager[None]:
        """Enclose one operation in a transaction (a savepoint inside another one)."""
        return transaction.atomic()

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Return one resource; the members of a group only where the answer shows them."""
        rows = ScimRecord.objects.all()
        if self.for_update:
            rows = rows.select_for_update(of=("self",))
        elif not _shows_members(response_parameters):
            rows = search.without_members(rows)
        row = self._row(rows, resource_type, resource_id)
        return self._resource(row, resource_type, shown=not self.for_update)

    def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        """Return a page of matching resources and their exact number."""
        types = {str(item.name): item for item in resource_types}
        rows = ScimRecord.objects.filter(resource_type__in=types).select_related("user")
        scim_filter = search_request.filter
        start, stop = search_request.start_index_0 or 0, search_request.stop_index_0
        ordered = search.order(rows, search_request)
        if scim_filter is None and ordered is not None:
            if not _shows_members(search_request):
                ordered = search.without_members(ordered)
            total = rows.count()
            return SearchPage(total, self._resources(list(ordered[start:stop]), types))
        if scim_filter is not None:
            found = search.candidates(rows, scim_filter.ast)
        else:
            found = rows
        resources = self._resources(list(found.order_by("pk")), types)
        if scim_filter is not None:
            resources = [item for item in resources if scim_filter.match(item)]
        resources = search_request.sort(resources)
        return SearchPage(len(resources), resources[start:stop])

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Store a resource with the person or cohort it stands for."""
        document = _document(resource)
        now = timezone.now()
        row = ScimRecord(
            resource_type=str(resource_type.name),
            unique_key=_key(resource_type, document),
            external_id=_external_id(document),
            document=document,
            created_at=now,
            updated_at=now,
        )
        if row.resource_type == GROUP:
            _check_members(row, members_of(document))
        _save(row, force_insert=True)
        if row.resource_type == GROUP:
            groups.attach_cohort(row, str(document["displayName"]))
            groups.set_members(row, (), members_of(document))
        else:
            self._attach(row)
        return self._resource(row, resource_type)

    def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        """Store the new state of a resource and let the person or cohort follow."""
        row = self._row(
            ScimRecord.objects.select_for_update(of=("self",)), resource_type, str(resource.id)
        )
        _check_version(row, expected_version)
        before, document = row.document, _document(resource)
        if row.resource_type == GROUP:
            _check_members(row, set(members_of(document)) - set(members_of(before)))
        row.document = document
        row.unique_key = _key(resource_type, document)
        row.external_id = _external_id(document)
        row.revision += 1
        row.updated_at = max(timezone.now(), row.created_at)
        _save(row)
        if row.resource_type == GROUP:
            self._follow_group(row, before)
        elif row.user is None:
            self._attach(row)
        else:
            people.apply(row.user, identity_of(document))
            people.record(
                "security.directory_user_updated",
                target=people.target(row.user),
                data={"resource": str(row.pk), "revision": row.revision},
            )
        return self._resource(row, resource_type)

    def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        """Forget a resource. The person is suspended with her data kept, the cohort stays."""
        row = self._row(
            ScimRecord.objects.select_for_update(of=("self",)), resource_type, resource_id
        )
        _check_version(row, expected_version)
        if row.resource_type == GROUP:
            self._forget_group(row)
            return
        # Group documents before the audit log: two requests always lock in this order.
        groups.forget_member(row)
        person = row.user
        if person is not None:
            people.close(person)
        pk = row.pk
        row.delete()
        people.record(
            "security.directory_user_deleted",
            target=people.target(person) if person is not None else "",
            data={"resource": str(pk)},
        )

    def _attach(self, row: ScimRecord) -> None:
        name = normalise_email(str(row.document.get("userName") or ""))
        if people.attach(row, identity_of(row.document), name if is_email(name) else ""):
            groups.join_groups(row)

    def _follow_group(self, row: ScimRecord, before: dict[str, Any]) -> None:
        name = str(row.document["displayName"])
        if row.cohort is not None and name != before.get("displayName"):
            groups.rename(row.cohort, name)
        groups.set_members(row, members_of(before), members_of(row.document))

    def _forget_group(self, row: ScimRecord) -> None:
        members, pk, cohort = members_of(row.document), row.pk, row.cohort
        if cohort is not None:
            groups.take_back_roles(cohort)
        groups.set_members(row, members, ())
        row.delete()
        people.record(
            "security.directory_group_deleted",
            target=f"cohort:{cohort.pk}" if cohort is not None else "",
            data={"resource": str(pk)},
        )

    def _row(self, rows: Any, resource_type: ResourceType, resource_id: str) -> ScimRecord:
        try:
            pk = UUID(resource_id)
        except ValueError:
            pk = None
        found: ScimRecord | None = None
        if pk is not None:
            found = (
                rows.select_related("user", "cohort")
                .filter(pk=pk, resource_type=str(resource_type.name))
                .first()
            )
        if found is None:
            raise NotFoundException(
                detail=_("There is no %(type)s with this id in this space.")
                % {"type": resource_type.name}
            )
        return found

    def _resource(
        self, row: ScimRecord, resource_type: ResourceType, *, shown: bool = True
    ) -> Resource[Any]:
        return self._resources([row], {str(resource_type.name): resource_type}, shown=shown)[0]

    def _resources(
        self,
        rows: Sequence[ScimRecord],
        types: dict[str, ResourceType],
        *,
        shown: bool = True,
    ) -> list[Resource[Any]]:
        """Build resources; ``shown`` ones carry what the service computes for the reader."""
        memberships = _groups_of(rows) if shown else {}
        return [
            _model(
                self.provider.model_for(types[row.resource_type]),
                {
                    **_state(row, shown=shown),
                    **({"groups": found} if (found := memberships.get(row.pk)) else {}),
                    "id": str(row.pk),
                    "meta": _meta(row),
                },
            )
            for row in rows
        ]


def _model(model: Any, document: dict[str, Any]) -> Resource[Any]:
    """Build a resource from its document.

    Members were validated when they came: a group may have thousands, and checking them again at
    each reading takes most of a second.
    """
    members = document.pop("members", None) if model is Group else None
    resource: Resource[Any] = model.model_validate(document)
    if not members:
        return resource
    return resource.model_copy(
        update={
            "members": [
                Group.Members.model_construct(
                    **{("ref" if name == "$ref" else name): item for name, item in entry.items()}
                )
                for entry in members
            ]
        }
    )


def _shows_members(parameters: Any) -> bool:
    """Tell whether an answer holds the members of groups (by far the largest attribute)."""
    if parameters is None:
        return True
    excluded = {
        str(path).rpartition(":")[2].casefold() for path in parameters.excluded_attributes or ()
    }
    if "members" in excluded:
        return False
    asked = {str(path).rpartition(":")[2].casefold() for path in parameters.attributes or ()}
    return not asked or any(name.split(".")[0] == "members" for name in asked)


def _document(resource: Resource[Any]) -> dict[str, Any]:
    document: dict[str, Any] = resource.model_dump(mode="json")
    for name in DROPPED:
        document.pop(name, None)
    if members := document.get("members"):
        document["members"] = _members(members)
    return document


def _members(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return members once each, with references that survive a change of the space's address."""
    kept: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if value := entry.get("value"):
            kind = "Groups" if entry.get("type") == GROUP else "Users"
            kept.setdefault(str(value), {**entry, "$ref": f"{kind}/{value}"})
    return list(kept.values())


def _state(row: ScimRecord, *, shown: bool) -> dict[str, Any]:
    """Return the document of a row with the person's true state.

    A person whom the space opened again is active whatever the document says. Readers also see
    that the space suspended her; a PATCH of something else must not take that over.
    """
    document: dict[str, Any] = row.__dict__.get("shown") or row.document
    if row.user is None:
        return document
    if row.user.is_active and document.get("active") is False:
        return {**document, "active": True}
    if shown and not row.user.is_active and document.get("active") is not False:
        return {**document, "active": False}
    return document


def _meta(row: ScimRecord) -> dict[str, Any]:
    return {
        "resourceType": row.resource_type,
        "created": row.created_at,
        "lastModified": row.updated_at,
        "version": _version(row),
    }


def _version(row: ScimRecord) -> str:
    return f'W/"{row.revision}"'


def _groups_of(rows: Iterable[ScimRecord]) -> dict[UUID, list[dict[str, str]]]:
    """Return the groups of the directory that the people of these rows belong to (1 query)."""
    from tremplin.identity.models import CohortMembership

    people_of = {row.user_id: row.pk for row in rows if row.user_id is not None}
    found: dict[UUID, list[dict[str, str]]] = {}
    if not people_of:
        return found
    memberships = CohortMembership.objects.filter(
        person_id__in=people_of, cohort__scim_record__isnull=False
    ).order_by("cohort__name")
    for person, group, name in memberships.values_list(
        "person_id", "cohort__scim_record__pk", "cohort__name"
    ):
        found.setdefault(people_of[person], []).append(
            {"value": str(group), "$ref": f"Groups/{group}", "display": name, "type": "direct"}
        )
    return found


def _key(resource_type: ResourceType, document: dict[str, Any]) -> str:
    attribute = "displayName" if resource_type.name == GROUP else "userName"
    key = unique_key(str(document.get(attribute) or "").strip())
    if not key or len(key) > MAX_KEY:
        raise InvalidValueException(
            detail=_("%(attribute)s has between 1 and %(count)d characters.")
            % {"attribute": attribute, "count": MAX_KEY}
        )
    return key


def _external_id(document: dict[str, Any]) -> str:
    text = str(document.get("externalId") or "")
    if len(text) > MAX_KEY:
        raise InvalidValueException(
            detail=_("%(attribute)s has between 1 and %(count)d characters.")
            % {"attribute": "externalId", "count": MAX_KEY}
        )
    return text


def _check_members(row: ScimRecord, members: Iterable[str]) -> None:
    """Refuse members that are no resource of this space: a foreign id is unknown here."""
    wanted: set[UUID] = set()
    for member in members:
        try:
            wanted.add(UUID(member))
        except ValueError as error:
            raise _unknown_member(member) from error
    known = set(ScimRecord.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    for missing in sorted(wanted - known):
        raise _unknown_member(str(missing))


def _unknown_member(member: str) -> InvalidValueException:
    return InvalidValueException(
        detail=_("There is no user with the id %(id)s in this space.") % {"id": member[:80]}
    )


def _check_version(row: ScimRecord, expected: str | None) -> None:
    if expected is not None and expected != _version(row):
        raise PreconditionFailedException


def _save(row: ScimRecord, *, force_insert: bool = False) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=force_insert)
    except IntegrityError as error:
        raise UniquenessException(
            detail=_("Another resource of the directory already has this name.")
        ) from error
