"""Discount codes."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from tremplin.api import Problem
from tremplin.billing.models import Coupon
from tremplin.kernel.access import guarded
from tremplin.licensing.models import Plan
from tremplin.operations.access import hq_only
from tremplin.operations.forms import ReasonForm
from tremplin.operations.plans import selectors, services
from tremplin.operations.plans.forms import CouponForm

PAGE_SIZE = 50


def _page(request: HttpRequest, form: CouponForm, status: int = 200) -> HttpResponse:
    rows = Coupon.objects.order_by("-is_active", "-created_at", "code")
    context = {
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "form": form,
        "names": {plan.key: selectors.name_of(plan) for plan in Plan.objects.all()},
    }
    return render(request, "operations/plans/coupons.html", context, status=status)


@require_http_methods(["GET", "POST"])
@hq_only
@guarded(permission="operations.plans")
def index(request: HttpRequest) -> HttpResponse:
    """List the codes; a POST creates one."""
    form = CouponForm(request.POST or None, zone=request.tenant.timezone)  # type: ignore[attr-defined]
    if request.method != "POST":
        return _page(request, form)
    if not form.is_valid():
        return _page(request, form, 422)
    try:
        coupon = services.create_coupon(
            form.cleaned_data["code"], reason=form.cleaned_data["reason"], **form.values()
        )
    except Problem as problem:
        form.add_error("code", problem.detail)
        return _page(request, form, problem.status)
    messages.success(request, gettext("The code %(code)s is ready.") % {"code": coupon.code})
    return redirect("operations:coupons")


@require_POST
@hq_only
@guarded(permission="operations.plans")
def switch(request: HttpRequest, coupon: UUID) -> HttpResponse:
    """Close a code, or open it again."""
    found = get_object_or_404(Coupon, pk=coupon)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, gettext("Say why, in 5 to 200 characters."))
        return redirect("operations:coupons")
    services.switch_coupon(found, is_active=not found.is_active, reason=form.cleaned_data["reason"])
    messages.success(request, gettext("The code %(code)s is changed.") % {"code": found.code})
    return redirect("operations:coupons")
