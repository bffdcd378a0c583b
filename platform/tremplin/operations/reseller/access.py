"""Pages that exist in a reseller's space only, and the client that an address names."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from tenants import registry
from tenants.registry import TenantInfo
from tremplin.api.http import ACCESS_ATTRIBUTE
from tremplin.identity.support import viewers
from tremplin.kernel.access import guarded

VIEW = "reseller.view"
MANAGE = "reseller.manage"

View = Callable[..., HttpResponse]


def reseller_page(permission: str = VIEW) -> Callable[[View], View]:
    """Open a page to the people of a reseller: 404 in any other space, 403 without the right.

    Both the right and a role of a reseller are needed: the right given to another role opens
    nothing.
    """

    def decorate(view: View) -> View:
        inner: Any = guarded(permission=permission)(view)

        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if here(request).kind != "reseller":
                raise Http404
            person = request.ctx.person  # type: ignore[attr-defined]
            if person is not None and not viewers.ROLES["reseller"] & person.roles:
                raise PermissionDenied(permission)
            response: HttpResponse = inner(request, *args, **kwargs)
            return response

        setattr(checked, ACCESS_ATTRIBUTE, getattr(inner, ACCESS_ATTRIBUTE))
        return checked

    return decorate


def here(request: HttpRequest) -> TenantInfo:
    """Return the space of the request."""
    return request.tenant  # type: ignore[attr-defined,no-any-return]


def client_of(reseller: TenantInfo, key: UUID) -> TenantInfo:
    """Return one client of ``reseller``. Raises ``Http404`` for any other space."""
    tenant = registry.by_uuid(key)
    if tenant is None or tenant.reseller_pk != reseller.pk:
        raise Http404
    return tenant
