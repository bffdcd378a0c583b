"""The operator's console."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from tenants import registry
from tenants.errors import TenancyError
from tenants.registry import TenantInfo
from tremplin.kernel.access import guarded
from tremplin.operations import services
from tremplin.operations.access import hq_only
from tremplin.operations.forms import SuspendForm
from tremplin.operations.views import spaces


def _space(key: UUID) -> TenantInfo:
    tenant = registry.by_uuid(key)
    if tenant is None:
        raise Http404
    return tenant


@hq_only
@guarded(permission="operations.platform")
def index(request: HttpRequest) -> HttpResponse:
    """List the spaces with what they hold and bring, the modules and the queues."""
    return spaces.list_page(request)


@hq_only
@guarded(permission="operations.platform")
def space(request: HttpRequest, space: UUID) -> HttpResponse:
    """Show one space: what it holds, pays and owes, and what can be done; a POST opens a trial."""
    if request.method == "POST":
        return spaces.try_again(request, _space(space))
    return spaces.space_page(request, _space(space))


@require_POST
@hq_only
@guarded(permission="operations.platform")
def suspend(request: HttpRequest, space: UUID) -> HttpResponse:
    """Close a space; the reason is required."""
    tenant = _space(space)
    form = SuspendForm(request.POST)
    if not form.is_valid():
        return spaces.space_page(request, tenant, 422, form=form)
    try:
        services.suspend_space(tenant, form.cleaned_data["reason"])
    except TenancyError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("%(name)s is suspended.") % {"name": tenant.name})
    return redirect("operations:space", space=space)


@require_POST
@hq_only
@guarded(permission="operations.platform")
def resume(request: HttpRequest, space: UUID) -> HttpResponse:
    """Open a suspended space again."""
    tenant = _space(space)
    try:
        services.resume_space(tenant)
    except TenancyError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("%(name)s is open again.") % {"name": tenant.name})
    return redirect("operations:space", space=space)
