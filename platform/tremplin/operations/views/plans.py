"""Plans, their versions and prices: what is sold, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tremplin.api import Problem
from tremplin.billing import moves, price_list
from tremplin.billing.models import Price
from tremplin.kernel import audit, clock
from tremplin.kernel.access import guarded
from tremplin.licensing import plans_catalogue
from tremplin.licensing.models import Plan, PlanVersion
from tremplin.operations.access import hq_only
from tremplin.operations.forms import ReasonForm
from tremplin.operations.plans import selectors, services
from tremplin.operations.plans.content_form import ContentForm
from tremplin.operations.plans.forms import (
    MoveForm,
    NewPlanForm,
    PlanTextsForm,
    PriceForm,
    WindowForm,
)

PERMISSION = "operations.plans"


def _plan(key: UUID) -> Plan:
    return get_object_or_404(Plan, pk=key)


def _version(key: UUID) -> PlanVersion:
    return get_object_or_404(PlanVersion.objects.select_related("plan"), pk=key)


@require_GET
@hq_only
@guarded(permission=PERMISSION)
def index(request: HttpRequest) -> HttpResponse:
    """List the plans with what they cost and who holds them."""
    rows = selectors.plans()
    context = {
        "plans": [row for row in rows if not row.plan.module],
        "modules": [row for row in rows if row.plan.module],
        "missing": len(price_list.missing()) if rows else None,
    }
    return render(request, "operations/plans/plans.html", context)


@require_http_methods(["GET", "POST"])
@hq_only
@guarded(permission=PERMISSION)
def first_prices(request: HttpRequest) -> HttpResponse:
    """Show the standard prices that plans on sale lack; a POST creates them."""
    form = ReasonForm(request.POST or None)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            plans_catalogue.sync()
            made = price_list.create_missing()
            audit.record(
                "operations.first_prices",
                data={"reason": form.cleaned_data["reason"], "prices": len(made)},
            )
            messages.success(
                request,
                ngettext("%(n)s price created.", "%(n)s prices created.", len(made))
                % {"n": len(made)},
            )
            return redirect("operations:plans")
        status = 422
    missing = price_list.missing()
    context = {
        "form": form,
        "missing": missing,
        "names": {item.version.pk: selectors.name_of(item.version.plan) for item in missing},
        "is_empty": not Plan.objects.exists(),
    }
    return render(request, "operations/plans/first_prices.html", context, status=status)


@require_http_methods(["GET", "POST"])
@hq_only
@guarded(permission=PERMISSION)
def new(request: HttpRequest) -> HttpResponse:
    """Create a plan of the whole space, with an empty draft."""
    form = NewPlanForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                plan = services.create_plan(
                    form.cleaned_data["key"],
                    reason=form.cleaned_data["reason"],
                    **form.names(),
                )
            except Problem as problem:
                form.add_error("key", problem.detail)
                status = problem.status
            else:
                messages.success(request, gettext("The plan is created: say what it gives."))
                return redirect("operations:plan", plan=plan.pk)
    return render(request, "operations/plans/new.html", {"form": form}, status=status)


@require_http_methods(["GET", "POST"])
@hq_only
@guarded(permission=PERMISSION)
def plan(request: HttpRequest, plan: UUID) -> HttpResponse:
    """Show a plan and its versions; a POST changes its texts."""
    found = _plan(plan)
    initial = {name: getattr(found, name) for name in services.NAMES}
    form = PlanTextsForm(request.POST or None, initial=initial)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            services.rename_plan(found, reason=form.cleaned_data["reason"], **form.names())
            messages.success(request, gettext("The texts are saved."))
            return redirect("operations:plan", plan=plan)
        status = 422
    context = {"row": selectors.plan(found), "form": form, "version_form": ReasonForm()}
    return render(request, "operations/plans/plan.html", context, status=status)


@require_POST
@hq_only
@guarded(permission=PERMISSION)
def new_version(request: HttpRequest, plan: UUID) -> HttpResponse:
    """Make a draft of the next version, or go to the one there is."""
    found = _plan(plan)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        context = {
            "row": selectors.plan(found),
            "form": PlanTextsForm(initial={name: getattr(found, name) for name in services.NAMES}),
            "version_form": form,
        }
        return render(request, "operations/plans/plan.html", context, status=422)
    draft = services.new_version(found, reason=form.cleaned_data["reason"])
    return redirect("operations:plan_version", version=draft.pk)


# --- one version --------------------------------------------------------------------------------


def _page(
    request: HttpRequest, version: PlanVersion, status: int = 200, **changed: Any
) -> HttpResponse:
    row = next(
        item for item in selectors.plan(version.plan).versions if item.version.pk == version.pk
    )
    zone = request.tenant.timezone  # type: ignore[attr-defined]
    context = {
        "row": row,
        "version": version,
        "name": selectors.name_of(version.plan),
        "values": selectors.given(version),
        "modules": selectors.modules_of(version),
        "former_prices": version.prices.filter(is_active=False).order_by("-created_at"),
        "waiting": selectors.waiting_moves(version),
        "content_form": None if row.is_frozen else ContentForm(version=version),
        "window_form": WindowForm(version=version, zone=zone),
        "price_form": PriceForm(
            initial={
                "included_seats": next(
                    (price.included_seats for price in row.prices if price.included_seats), 0
                )
            }
        ),
        "stop_form": ReasonForm(),
        **changed,
    }
    return render(request, "operations/plans/version.html", context, status=status)


@require_GET
@hq_only
@guarded(permission=PERMISSION)
def version(request: HttpRequest, version: UUID) -> HttpResponse:
    """Show a version: what it gives, its prices, its dates, its holders."""
    return _page(request, _version(version))


@require_POST
@hq_only
@guarded(permission=PERMISSION)
def edit_version(request: HttpRequest, version: UUID) -> HttpResponse:
    """Replace what a draft gives; 409 for a version that was sold."""
    found = _version(version)
    form = ContentForm(request.POST, version=found)
    return _write(
        request,
        found,
        "content_form",
        form,
        lambda: services.edit_version(found, form.content(), reason=form.cleaned_data["reason"]),
        gettext("What the version gives is saved."),
    )


@require_POST
@hq_only
@guarded(permission=PERMISSION)
def window(request: HttpRequest, version: UUID) -> HttpResponse:
    """Say from when to when a version is on sale."""
    found = _version(version)
    form = WindowForm(
        request.POST,
        version=found,
        zone=request.tenant.timezone,  # type: ignore[attr-defined]
    )

    def write() -> None:
        start, end = form.window()
        services.set_window(
            found, sold_from=start, sold_until=end, reason=form.cleaned_data["reason"]
        )

    return _write(
        request, found, "window_form", form, write, gettext("The dates of sale are saved.")
    )


@require_POST
@hq_only
@guarded(permission=PERMISSION)
def price(request: HttpRequest, version: UUID) -> HttpResponse:
    """Set a price from now on."""
    found = _version(version)
    form = PriceForm(request.POST)
    return _write(
        request,
        found,
        "price_form",
        form,
        lambda: services.set_price(
            found,
            form.price(),
            reason=form.cleaned_data["reason"],
            is_free=form.cleaned_data["is_free"],
        ),
        gettext("The price is set. Running subscriptions keep theirs."),
    )


@require_POST
@hq_only
@guarded(permission=PERMISSION)
def stop_price(request: HttpRequest, version: UUID, price: UUID) -> HttpResponse:
    """Sell nothing more at a price."""
    found = _version(version)
    row = get_object_or_404(Price, pk=price, plan_version=found)
    form = ReasonForm(request.POST)
    return _write(
        request,
        found,
        "stop_form",
        form,
        lambda: services.stop_price(row, reason=form.cleaned_data["reason"]),
        gettext("Nothing more is sold at this price."),
    )


def _write(
    request: HttpRequest,
    version: PlanVersion,
    name: str,
    form: Any,
    write: Callable[[], object],
    done: str,
) -> HttpResponse:
    """Validate, write, and say what is wrong in the form itself."""
    # A sold version answers 409 whatever was typed.
    if name == "content_form" and version.first_sold_at is not None:
        messages.error(
            request, gettext("This version was sold: make a new one instead of changing it.")
        )
        return _page(request, version, 409)
    if not form.is_valid():
        return _page(request, version, 422, **{name: form})
    try:
        write()
    except Problem as problem:
        form.add_error(None, problem.detail)
        return _page(request, version, problem.status, **{name: form})
    messages.success(request, done)
    return redirect("operations:plan_version", version=version.pk)


# --- holders ------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@hq_only
@guarded(permission=PERMISSION)
def move(request: HttpRequest, version: UUID) -> HttpResponse:
    """Preview the move of a version's holders to another one; ``run`` in a POST plans it.

    The preview is a GET with the target and the date, so that it can be read again and shared.
    """
    found = _version(version)
    zone = request.tenant.timezone  # type: ignore[attr-defined]
    data = request.POST if request.method == "POST" else request.GET
    bound = data if "target" in data else None
    form = MoveForm(bound, version=found, zone=zone, initial={"notice": clock.today(zone)})
    if request.method == "GET":
        # The reason is for the run.
        form.fields["reason"].required = False
    holders = None
    status = 200
    if bound is not None:
        status = 422
        if form.is_valid():
            target, notice = form.cleaned_data["target"], form.notice_at()
            try:
                if request.method == "POST":
                    planned = services.move_holders(
                        found, target, notice, reason=form.cleaned_data["reason"]
                    )
                    messages.success(
                        request,
                        ngettext(
                            "%(n)s holder will move; its billing mailbox is told.",
                            "%(n)s holders will move; their billing mailboxes are told.",
                            len(planned),
                        )
                        % {"n": len(planned)},
                    )
                    return redirect("operations:plan_version", version=version)
                holders = moves.preview(found, target, notice)
                status = 200
            except Problem as problem:
                form.add_error("target", problem.detail)
                status = problem.status
    context = {
        "version": found,
        "name": selectors.name_of(found.plan),
        "form": form,
        "holders": holders,
        "moving": sum(holder.moves for holder in holders or ()),
    }
    return render(request, "operations/plans/move.html", context, status=status)


@require_POST
@hq_only
@guarded(permission=PERMISSION)
def keep(request: HttpRequest, version: UUID) -> HttpResponse:
    """Drop the moves of a version's holders that still wait."""
    found = _version(version)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, found, 422, stop_form=form)
    many = services.keep_holders(found, reason=form.cleaned_data["reason"])
    messages.success(
        request,
        ngettext("%(n)s move was dropped.", "%(n)s moves were dropped.", many) % {"n": many},
    )
    return redirect("operations:plan_version", version=version)
