"""Pages of seats and usage for the people who run a space."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tenants.registry import TenantInfo
from tremplin.api import Problem
from tremplin.identity.importing.export import csv_bytes, separator_for
from tremplin.identity.models import User
from tremplin.kernel import audit, clock
from tremplin.kernel.access import guarded
from tremplin.licensing import notices, over_limit, seats, selectors, services
from tremplin.licensing.forms import AssignForm, PolicyForm, ReleaseForm, first_error
from tremplin.licensing.models import License


def _tenant(request: HttpRequest) -> TenantInfo:
    tenant: TenantInfo = request.tenant  # type: ignore[attr-defined]
    return tenant


@guarded("billing.view")
@require_GET
def usage_export(request: HttpRequest) -> HttpResponse:
    """Send what was counted, by month, feature and person."""
    language: str = request.LANGUAGE_CODE  # type: ignore[attr-defined]
    header = [_("Month"), _("Feature"), _("Person"), _("Units")]
    content = csv_bytes(
        header, selectors.export_rows(_tenant(request)), separator=separator_for(language)
    )
    audit.record("billing.usage_exported")
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="usage-{clock.now():%Y-%m-%d}.csv"'
    return response


def _module_licences(tenant: TenantInfo) -> list[License]:
    return list(
        License.objects.filter(tenant_id=tenant.pk, seats_total__isnull=False)
        .exclude(module="")
        .exclude(state=License.State.ENDED)
        .order_by("module")
    )


@guarded("billing.view")
@require_GET
def seats_page(request: HttpRequest) -> HttpResponse:
    """Show who sits on the seats of the plan and of each module."""
    tenant = _tenant(request)
    held = seats.seat_license(tenant)
    modules = [
        {
            "licence": row,
            "name": notices.name_of(row),
            "rows": selectors.seat_rows(row),
            "is_manual": row.seat_policy == License.SeatPolicy.MANUAL,
            "policies": License.SeatPolicy.choices,
        }
        for row in _module_licences(tenant)
    ]
    context = {
        "page_title": _("Seats"),
        "plan": held,
        "plan_name": notices.name_of(held) if held is not None else "",
        "status": seats.status(tenant),
        "rows": selectors.seat_rows(held) if held is not None else [],
        "closes_at": over_limit.closes_at(held) if held is not None else None,
        "modules": modules,
        "can_manage": request.ctx.can("billing.manage"),  # type: ignore[attr-defined]
    }
    return render(request, "licensing/seats.html", context)


def _held(tenant: TenantInfo, pk: UUID, *, manual: bool) -> License:
    """Return a running licence of a module of this space. Raises ``Http404``."""
    found = next((row for row in _module_licences(tenant) if row.pk == pk), None)
    if found is None or (manual and found.seat_policy != License.SeatPolicy.MANUAL):
        raise Http404
    return found


def _refused(request: HttpRequest, text: str) -> HttpResponse:
    messages.error(request, text)
    return redirect("licensing:seats")


@guarded("billing.manage")
@require_POST
def policy(request: HttpRequest) -> HttpResponse:
    """Choose whether everybody may use a module, or people chosen one by one."""
    tenant = _tenant(request)
    form = PolicyForm(request.POST)
    if not form.is_valid():
        return _refused(request, first_error(form))
    held = _held(tenant, form.cleaned_data["licence"], manual=False)
    services.set_seat_policy(tenant, held, form.cleaned_data["policy"])
    messages.success(request, _("Saved."))
    return redirect("licensing:seats")


@guarded("billing.manage")
@require_POST
def assign(request: HttpRequest) -> HttpResponse:
    """Give a seat of a module to somebody of the space."""
    tenant = _tenant(request)
    form = AssignForm(request.POST)
    if not form.is_valid():
        return _refused(request, first_error(form))
    held = _held(tenant, form.cleaned_data["licence"], manual=True)
    person: Any = User.objects.present().filter(email=form.cleaned_data["email"]).first()
    if person is None:
        return _refused(request, _("Nobody in this space has this e-mail address."))
    try:
        with transaction.atomic():
            given = seats.seat(held, [person.pk])
            if given:
                _record("licence.seat_given", held, person.pk)
    except Problem as problem:
        return _refused(request, problem.detail)
    messages.success(
        request,
        _("%(name)s has a seat.") % {"name": person.display_name}
        if given
        else _("%(name)s had a seat already.") % {"name": person.display_name},
    )
    return redirect("licensing:seats")


@guarded("billing.manage")
@require_POST
def release(request: HttpRequest) -> HttpResponse:
    """Free the seat that somebody holds on a module; her results stay."""
    tenant = _tenant(request)
    form = ReleaseForm(request.POST)
    if not form.is_valid():
        return _refused(request, first_error(form))
    held = _held(tenant, form.cleaned_data["licence"], manual=True)
    with transaction.atomic():
        if seats.unseat(held, form.cleaned_data["person"]):
            _record("licence.seat_freed", held, form.cleaned_data["person"])
            messages.success(request, _("The seat is free. Nothing of what was done is lost."))
    return redirect("licensing:seats")


def _record(kind: str, held: License, person: UUID) -> None:
    audit.record(
        kind, target=f"person:{person}", data={"licence": str(held.pk), "module": held.module}
    )
