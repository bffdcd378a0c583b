""" "My spaces": one sign-in on the operator's space, one click to each of one's spaces."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from tenants import registry
from tremplin.identity import memberships
from tremplin.identity import roles as role_catalogue
from tremplin.kernel.access import guarded
from tremplin.kernel.current import tenant_required
from tremplin.sso.oidc import platform


@guarded()
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the spaces of the person, with a link that signs in to each."""
    if tenant_required().kind != "hq":
        raise Http404
    spaces = []
    for row in memberships.of_account(request.ctx.person.id):  # type: ignore[attr-defined]
        tenant = registry.by_uuid(row.tenant_uuid)
        if tenant is None or tenant.status in {"archived", "deleted", "erased"}:
            continue
        spaces.append(
            {
                "name": tenant.name,
                "host": tenant.primary_host,
                "logo_url": "",
                "role": role_catalogue.label(row.role_hint) if row.role_hint else "",
                "is_open": tenant.status == "active",
                "url": registry.absolute_url(tenant, platform.START_PATH),
            }
        )
    context = {"page_title": _("My spaces"), "spaces": spaces}
    return render(request, "sso/spaces.html", context)
