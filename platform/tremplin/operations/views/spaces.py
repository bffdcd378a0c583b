"""What the operator gives a space: more time, a plan, an amount of something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from tenants import registry
from tenants.registry import TenantInfo
from tremplin.api import Problem
from tremplin.kernel.access import guarded
from tremplin.licensing import trials
from tremplin.licensing.models import License
from tremplin.operations import selectors as platform
from tremplin.operations.access import hq_only
from tremplin.operations.forms import ReasonForm, SuspendForm
from tremplin.operations.reseller import health
from tremplin.operations.reseller.forms import TrialForm
from tremplin.operations.spaces import selectors, services
from tremplin.operations.spaces.forms import FilterForm, GiveForm, GivePlanForm, UntilForm

PERMISSION = "operations.platform"
PAGE_SIZE = 50


def found_space(key: UUID) -> TenantInfo:
    """Return a space, 404 without."""
    tenant = registry.by_uuid(key)
    if tenant is None:
        raise Http404
    return tenant


def list_page(request: HttpRequest) -> HttpResponse:
    """Return the list of spaces, narrowed as asked, with modules and queues."""
    every = selectors.listed()
    form = FilterForm(request.GET, spaces=every)
    wish = form.wish()
    rows = [item for item in every if selectors.fits(item, wish)]
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    spaces = list(page.object_list)
    context = {
        "page": page,
        "form": form,
        "total": len(every),
        "is_narrowed": wish != selectors.Wish(),
        "seen": selectors.last_activity(item.tenant for item in spaces),
        "modules": platform.modules(),
        "queues": platform.queues(),
    }
    return render(request, "operations/platform.html", context)


def space_page(
    request: HttpRequest, tenant: TenantInfo, status: int = 200, **changed: Any
) -> HttpResponse:
    """Return the page of one space, with the form that came back when one did."""
    here: Any = request
    zone = here.tenant.timezone
    item = next(one for one in selectors.listed() if one.tenant.pk == tenant.pk)
    may_hold = tenant.kind in ("school", "company")
    context = {
        "item": item,
        "row": item.row,
        "seen": selectors.last_activity([tenant]).get(tenant.pk),
        "licences": selectors.licences(tenant),
        "subscriptions": [
            {"row": row, "names": selectors.item_names(row.items.all())}
            for row in selectors.subscriptions(tenant)
        ],
        "invoices": selectors.invoices(tenant),
        "grants": selectors.grants(tenant),
        "may_hold": may_hold,
        "form": SuspendForm(),
        "until_form": UntilForm(zone=zone),
        "end_form": ReasonForm(),
        "plan_form": GivePlanForm(zone=zone),
        "give_form": GiveForm(zone=zone),
        "trial_form": trial_form(tenant) if may_hold else None,
        "can_collect": here.ctx.can("operations.revenue"),
        **changed,
    }
    return render(request, "operations/space.html", context, status=status)


def trial_form(tenant: TenantInfo, data: QueryDict | None = None) -> TrialForm | None:
    """Return the form that opens a trial again, nothing when the space has every module."""
    modules = health.modules_to_try(tenant)
    return TrialForm(data, modules=modules) if modules else None


def try_again(request: HttpRequest, tenant: TenantInfo) -> HttpResponse:
    """Open a module for some days more though the space tried it before."""
    form = trial_form(_holder(tenant.uuid), request.POST)
    if form is None:
        raise Http404
    here: Any = request

    def write() -> None:
        data = form.cleaned_data
        trials.grant_another(
            tenant, data["module"], by=here.tenant, reason=data["reason"], days=data["days"]
        )

    return _write(request, tenant, "trial_form", form, write, gettext("The trial is open."))


@require_POST
@hq_only
@guarded(permission=PERMISSION)
def extend(request: HttpRequest, space: UUID, licence: UUID) -> HttpResponse:
    """Move the end of a trial or of a given licence."""
    tenant = found_space(space)
    held = _licence(tenant, licence)
    form = UntilForm(request.POST, zone=_zone(request))

    def write() -> None:
        until = form.until_at()
        assert until is not None  # noqa: S101  the day is required
        services.extend(tenant, held, until, reason=form.cleaned_data["reason"])

    return _write(request, tenant, "until_form", form, write, gettext("The last day is moved."))


@require_POST
@hq_only
@guarded(permission=PERMISSION)
def end(request: HttpRequest, space: UUID, licence: UUID) -> HttpResponse:
    """End a given licence."""
    tenant = found_space(space)
    held = _licence(tenant, licence)
    form = ReasonForm(request.POST)
    return _write(
        request,
        tenant,
        "end_form",
        form,
        lambda: services.end(tenant, held, reason=form.cleaned_data["reason"]),
        gettext("The licence has ended: its data stays read-only for its time."),
    )


@require_POST
@hq_only
@guarded(permission=PERMISSION)
def give_plan(request: HttpRequest, space: UUID) -> HttpResponse:
    """Give a plan without payment."""
    tenant = _holder(space)
    form = GivePlanForm(request.POST, zone=_zone(request))
    return _write(
        request,
        tenant,
        "plan_form",
        form,
        lambda: services.give_plan(
            tenant,
            form.cleaned_data["version"],
            until=form.until_at(),
            reason=form.cleaned_data["reason"],
        ),
        gettext("The plan is given."),
    )


@require_POST
@hq_only
@guarded(permission=PERMISSION)
def give(request: HttpRequest, space: UUID) -> HttpResponse:
    """Give an amount or a value of one feature."""
    tenant = _holder(space)
    form = GiveForm(request.POST, zone=_zone(request))
    return _write(
        request,
        tenant,
        "give_form",
        form,
        lambda: services.give(
            tenant,
            form.cleaned_data["feature"],
            form.value(),
            expires_at=form.until_at(),
            reason=form.cleaned_data["reason"],
        ),
        gettext("It is given."),
    )


def _write(
    request: HttpRequest,
    tenant: TenantInfo,
    name: str,
    form: Any,
    write: Callable[[], object],
    done: str,
) -> HttpResponse:
    if not form.is_valid():
        return space_page(request, tenant, 422, **{name: form})
    try:
        write()
    except Problem as problem:
        form.add_error(None, problem.detail)
        return space_page(request, tenant, problem.status, **{name: form})
    messages.success(request, done)
    return redirect("operations:space", space=tenant.uuid)


def _zone(request: HttpRequest) -> str:
    here: Any = request
    return str(here.tenant.timezone)


def _licence(tenant: TenantInfo, key: UUID) -> License:
    return get_object_or_404(License, pk=key, tenant_id=tenant.pk)


def _holder(key: UUID) -> TenantInfo:
    """Return a space that can hold plans: the operator's and resellers' are not limited."""
    tenant = found_space(key)
    if tenant.kind not in ("school", "company"):
        raise Http404
    return tenant
