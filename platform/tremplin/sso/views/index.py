"""The connections of a space, and the way to each."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from tremplin.kernel.access import guarded
from tremplin.sso import selectors
from tremplin.sso.models import Connection


def _address(connection: Connection) -> str:
    """Return the page of a connection; the platform's has none, it is only on or off."""
    if connection.kind == Connection.Kind.OIDC:
        return reverse("sso_console:oidc_edit", args=[connection.pk])
    if connection.kind == Connection.Kind.SAML:
        return reverse("sso_console:saml_detail", args=[connection.slug])
    return ""


@guarded("sso.manage_sso")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show every provider that the space trusts."""
    counts = selectors.identities_by_provider()
    rows = [
        {
            "connection": row,
            "identities": counts.get(row.app.provider_id, 0),
            "url": _address(row),
            "is_switched_here": row.kind != Connection.Kind.SAML,
        }
        for row in selectors.connections()
    ]
    context = {"page_title": _("Single sign-on"), "rows": rows}
    return render(request, "sso/connections/list.html", context)
