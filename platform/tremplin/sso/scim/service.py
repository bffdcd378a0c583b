"""What this SCIM service announces, and the bounds it sets on requests."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _
from pydantic_core import from_json
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    EnterpriseUser,
    Error,
    ETag,
    Filter,
    Group,
    InvalidFilterException,
    InvalidValueException,
    Pagination,
    Patch,
    PatchOp,
    PayloadTooLargeException,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    ScimPolicy,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
    Sort,
    User,
)
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService

from tremplin.sso.scim import limits

logger = logging.getLogger(__name__)
# What Entra ID sends to take someone out of a group, by the thousand.
_ONE_MEMBER = re.compile(r'members\[value eq "([^"\\]{1,80})"\]', re.IGNORECASE)


@lru_cache(maxsize=1)
def provider() -> ScimProvider:
    """Return the description of the service: the same in every space."""
    return ScimProvider(
        [User, EnterpriseUser, Group],
        [
            ResourceType.from_resource(User[EnterpriseUser]),
            ResourceType.from_resource(Group),
        ],
        ServiceProviderConfig(
            patch=Patch(supported=True),
            bulk=Bulk(
                supported=True,
                max_operations=limits.MAX_BULK_OPERATIONS,
                max_payload_size=limits.MAX_BODY,
            ),
            filter=Filter(supported=True, max_results=limits.MAX_RESULTS),
            change_password=ChangePassword(supported=False),
            sort=Sort(supported=True),
            etag=ETag(supported=True),
            # Cursors would need a secret of each space (RFC 9865): pages go by index.
            pagination=Pagination(
                cursor=False,
                index=True,
                default_page_size=100,
                max_page_size=limits.MAX_RESULTS,
            ),
            authentication_schemes=[
                AuthenticationScheme(
                    type=AuthenticationScheme.Type.oauthbearertoken,
                    name="Bearer token",
                    description="A static token, or an OAuth 2.0 access token, with the scope scim",
                    primary=True,
                )
            ],
        ),
        # Entra ID sends attributes nobody declares, values with a remove, and filters that describe
        # the entry to add.
        ScimPolicy(
            unknown=ScimPolicy.Unknown.ignore,
            remove_value_as_filter=ScimPolicy.RemoveValue.apply,
            unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
        ),
    )


class MemberRemoval:
    """A PATCH that only takes members out of a group, without walking the group for each."""

    def __init__(self, members: set[str]) -> None:
        self.members = members

    def patch(self, resource: Any) -> bool:
        """Apply it to a group; returns whether anything changed."""
        before = resource.members or []
        after = [entry for entry in before if entry.value not in self.members]
        resource.members = after or None
        return len(after) < len(before)


class DirectoryService(ScimService):
    """The protocol, with bounded requests; ``refusals`` collects the failures of one request."""

    def __init__(self) -> None:
        super().__init__(provider())
        self.refusals: list[Error] = []

    def max_body_size(self, request: ScimRequest) -> int | None:
        """Bound every body, not only those of bulk requests."""
        found = super().max_body_size(request)
        return limits.MAX_BODY if found is None else min(found, limits.MAX_BODY)

    def read_search(
        self, resource_types: list[ResourceType], payload: Any
    ) -> tuple[SearchRequest[Any], Any]:
        """Refuse a filter that is too long before it is parsed (400 ``invalidFilter``)."""
        if isinstance(payload, dict):
            for name, value in payload.items():
                if name.casefold() == "filter" and len(str(value)) > limits.MAX_FILTER:
                    raise InvalidFilterException(
                        detail=_("A filter has %(count)d characters at most.")
                        % {"count": limits.MAX_FILTER}
                    )
        return super().read_search(resource_types, payload)

    def read_patch(
        self, resource_type: ResourceType, body: bytes, content_type: str | None
    ) -> PatchOp[Any]:
        """Read a PATCH; removals of members of a group take a short way."""
        operations = _operations(self.decode_body(body, content_type))
        check_operations(operations)
        if resource_type.name == "Group":
            members = removed_members(operations)
            if members:
                return MemberRemoval(members)  # type: ignore[return-value]
        return super().read_patch(resource_type, body, content_type)

    def apply_patch(
        self, current: Resource[Any], patch_op: PatchOp[Any], conditions: Any
    ) -> Resource[Any] | None:
        """Refuse a PATCH whose operations times members would take too long (413)."""
        operations = getattr(patch_op, "operations", None) or []
        members = getattr(current, "members", None) or []
        if len(operations) * len(members) > limits.MAX_PATCH_WORK:
            raise PayloadTooLargeException(
                detail=_("Too many operations for a group of this size: send fewer at once.")
            )
        return super().apply_patch(current, patch_op, conditions)

    def publish(self, base_url: str, resource: Resource[Any]) -> Resource[Any]:
        """Add addresses to a resource; the library takes seconds for thousands of members."""
        if not isinstance(resource, Group) or resource.meta is None or resource.id is None:
            return super().publish(base_url, resource)
        location = self.resource_location(
            base_url, self.get_resource_type_of(resource), resource.id
        )
        members = [
            entry.model_copy(update={"ref": self.reference_location(base_url, str(entry.ref))})
            for entry in resource.members or []
        ]
        meta = resource.meta.model_copy(update={"location": location})
        return resource.model_copy(update={"meta": meta, "members": members or None})

    def patch_response(
        self,
        base_url: str,
        resource: Resource[Any],
        response_parameters: ResponseParameters[Any],
    ) -> ScimResponse:
        """Answer 204 without building a document that nobody asked for."""
        if response_parameters.attributes or response_parameters.excluded_attributes:
            return super().patch_response(base_url, resource, response_parameters)
        version = resource.meta.version if resource.meta is not None else None
        return ScimResponse(HTTPStatus.NO_CONTENT, None, {"ETag": version} if version else {})

    def bulk_failure(self, outcome: dict[str, Any], exception: Exception) -> dict[str, Any]:
        """Remember why an operation of a bulk request failed."""
        failed = super().bulk_failure(outcome, exception)
        self.refusals.append(failed["response"])
        if not isinstance(exception, SCIMException):
            logger.error("An operation of a bulk request failed", exc_info=exception)
        return failed


def check_body(body: bytes) -> None:
    """Refuse what PostgreSQL cannot keep: a NUL, as itself or escaped (400 ``invalidValue``)."""
    if b"\x00" in body or re.search(rb"(?<!\\)(?:\\\\)*\\u0000", body):
        raise InvalidValueException(detail=_("A text cannot hold the character NUL."))


def check_bulk(body: bytes) -> None:
    """Bound the operations of each PATCH inside a bulk request."""
    try:
        payload = from_json(body)
    except ValueError:
        return  # the service itself says what is wrong
    for operation in _operations(payload):
        if isinstance(operation, dict):
            check_operations(_operations(operation.get("data")))


def _operations(payload: Any) -> list[Any]:
    if not isinstance(payload, dict):
        return []
    for name, value in payload.items():
        if str(name).casefold() == "operations" and isinstance(value, list):
            return value
    return []


def check_operations(operations: list[Any]) -> None:
    """Refuse a PATCH with too many operations (413) or a path that is too long (400)."""
    if len(operations) > limits.MAX_PATCH_OPERATIONS:
        raise PayloadTooLargeException(
            detail=_("A PATCH has %(count)d operations at most.")
            % {"count": limits.MAX_PATCH_OPERATIONS}
        )
    for operation in operations:
        path = operation.get("path") if isinstance(operation, dict) else None
        if isinstance(path, str) and len(path) > limits.MAX_FILTER:
            raise InvalidFilterException(
                detail=_("A filter has %(count)d characters at most.")
                % {"count": limits.MAX_FILTER}
            )


def removed_members(operations: list[Any]) -> set[str]:
    """Return the members that a PATCH removes when it does nothing else, else nothing."""
    found: set[str] = set()
    for operation in operations:
        if not isinstance(operation, dict) or str(operation.get("op")).casefold() != "remove":
            return set()
        match = _ONE_MEMBER.fullmatch(str(operation.get("path") or ""))
        if match is None or operation.get("value") is not None:
            return set()
        found.add(match.group(1))
    return found
