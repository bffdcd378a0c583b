"""Read operations about the signed-in person, people and cohorts."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Query, Router, Schema

from tremplin.api.http import Problem, operation
from tremplin.identity import selectors
from tremplin.identity.api_access import schema
from tremplin.identity.internal.paging import page_of

router = Router(tags=["identity"])
MAX_LIMIT = 100


class TenantOut(Schema):
    id: UUID
    slug: str
    name: str
    kind: str
    locale: str


class CallerOut(Schema):
    """How the call was signed: by a person, a key or an application; no scopes means no limit."""

    kind: Literal["person", "key", "client"]
    method: Literal["session", "access_token", "api_key", "client_credentials"]
    id: str
    name: str
    scopes: list[str] | None


class MeOut(Schema):
    """The person whose rights count (who made the key or application), her space, the caller."""

    id: UUID
    email: str
    display_name: str
    locale: str
    roles: list[str]
    tenant: TenantOut
    caller: CallerOut


class PersonOut(Schema):
    id: UUID
    email: str
    display_name: str
    roles: list[str]
    status: str


class PeopleOut(Schema):
    items: list[PersonOut]
    next_cursor: str | None


class CohortOut(Schema):
    id: UUID
    name: str
    slug: str
    size: int


class CohortsOut(Schema):
    items: list[CohortOut]
    next_cursor: str | None


class Page(Schema):
    cursor: str = ""
    limit: int = 50


class PeoplePage(Page):
    text: str = ""
    role: str = ""
    cohort: str = ""
    status: str = ""


@router.get("/me", response=MeOut, operation_id="identity_me", summary="Who calls, in which space")
@operation(scope="")
def me(request: HttpRequest) -> dict[str, Any]:
    """Return who calls, with whose rights, and in which space; any credential may ask."""
    ctx = request.ctx  # type: ignore[attr-defined]
    caller = request.principal  # type: ignore[attr-defined]
    person, tenant = ctx.person, ctx.tenant
    return {
        "id": person.id,
        "email": person.email,
        "display_name": person.display_name,
        "locale": person.locale or tenant.locale,
        "roles": sorted(person.roles),
        "tenant": {
            "id": tenant.id,
            "slug": tenant.slug,
            "name": tenant.name,
            "kind": tenant.kind,
            "locale": tenant.locale,
        },
        "caller": {
            "kind": caller.kind,
            "method": caller.method,
            "id": caller.id,
            "name": caller.name,
            "scopes": None if caller.scopes is None else sorted(caller.scopes),
        },
    }


@router.get("/openapi.json", include_in_schema=False, operation_id="identity_openapi")
@operation(scope="")
def openapi(request: HttpRequest) -> JsonResponse:
    """Return the OpenAPI document of this space: core and the modules that are on."""
    return JsonResponse(schema.of_space(request), json_dumps_params={"ensure_ascii": False})


@router.get(
    "/people",
    response=PeopleOut,
    operation_id="identity_list_people",
    summary="People of the space",
)
@operation(permission="identity.view_people")
def people(request: HttpRequest, page: Query[PeoplePage]) -> dict[str, Any]:
    """Return people by name, a page at a time; accents in ``text`` do not matter."""
    if page.status and page.status not in selectors.STATUSES:
        raise Problem(422, "unknown_status", f"Status is one of {', '.join(selectors.STATUSES)}.")
    wanted = selectors.PeopleFilter(page.text, page.role, page.cohort, page.status)
    rows, cursor = page_of(selectors.with_roles(selectors.people(wanted)), page.cursor, page.limit)
    return {
        "items": [
            {
                "id": row.pk,
                "email": row.email,
                "display_name": row.display_name,
                "roles": row.granted,
                "status": selectors.status_of(row),
            }
            for row in rows
        ],
        "next_cursor": cursor,
    }


@router.get(
    "/cohorts",
    response=CohortsOut,
    operation_id="identity_list_cohorts",
    summary="Cohorts of the space",
)
@operation(permission="identity.view_people")
def cohorts(request: HttpRequest, page: Query[Page]) -> dict[str, Any]:
    """Return cohorts by name with the number of their active members."""
    rows, cursor = page_of(selectors.cohorts(), page.cursor, page.limit)
    return {
        "items": [
            {"id": row.pk, "name": row.name, "slug": row.slug, "size": row.size} for row in rows
        ],
        "next_cursor": cursor,
    }
