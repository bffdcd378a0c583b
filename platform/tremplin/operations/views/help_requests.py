"""Asking for help: the reseller of a space first, else the platform."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tenants.branding import support
from tremplin.api import Problem
from tremplin.kernel.access import guarded
from tremplin.operations.reseller import contact
from tremplin.operations.reseller.forms import HelpForm


@require_http_methods(["GET", "POST"])
@guarded(permission="billing.view")
def ask(request: HttpRequest) -> HttpResponse:
    """Write to whoever supports this space first."""
    tenant: Any = request.tenant  # type: ignore[attr-defined]
    person: Any = request.ctx.person  # type: ignore[attr-defined]
    found = support.first_level(tenant)
    if found is None:
        raise Http404
    form = HelpForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            wanted = contact.Request(
                data["subject"], data["message"], person.display_name, person.email
            )
            try:
                contact.ask(tenant, wanted)
            except Problem as problem:
                form.add_error(None, problem.detail)
                status = problem.status
            else:
                messages.success(
                    request,
                    _("Sent to %(name)s. The answer comes to %(email)s.")
                    % {"name": found.name, "email": person.email},
                )
                return redirect("operations:support")
    context = {"form": form, "contact": found, "email": person.email}
    return render(request, "operations/reseller/ask.html", context, status=status)
