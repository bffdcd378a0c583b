"""Pages of the integration doctor."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from tremplin.identity import roles
from tremplin.kernel.access import guarded
from tremplin.sso import doctor
from tremplin.sso.models import Connection, LoginTrace


@guarded("sso.manage_sso")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the connections that can be tested and the last tests."""
    traces = LoginTrace.objects.select_related("connection", "person")[: doctor.MOST]
    context = {
        "page_title": _("Integration doctor"),
        "connections": Connection.objects.filter(kind=Connection.Kind.SAML),
        "traces": traces,
        "saml_problem": "" if settings.SAML_AVAILABLE else settings.SAML_PROBLEM,
    }
    return render(request, "sso/doctor/index.html", context)


@guarded("sso.manage_sso")
@require_GET
def trace(request: HttpRequest, trace: UUID) -> HttpResponse:
    """Show one test: each check, the attributes and the decoded answer."""
    found = get_object_or_404(LoginTrace.objects.select_related("connection", "person"), pk=trace)
    rows = doctor.findings(found)
    context = {
        "page_title": _("Test of %(name)s") % {"name": found.connection.label},
        "trace": found,
        "failed": [row for row in rows if row.state == "failed"],
        "findings": rows,
        "attributes": sorted(found.document.get("attributes", {}).items()),
        "fields": found.document.get("fields", {}),
        "roles": [roles.label(code) for code in found.document.get("roles", [])],
        "xml": found.document.get("xml", ""),
    }
    return render(request, "sso/doctor/trace.html", context)
