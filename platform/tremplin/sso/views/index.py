"""The connections of a space, and the way to each."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from tremplin.kernel.access import guarded
from tremplin.sso import selectors


@guarded("sso.manage_sso")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show every provider that the space trusts."""
    context = {"page_title": _("Single sign-on"), "connections": selectors.connections()}
    return render(request, "sso/connections/list.html", context)
