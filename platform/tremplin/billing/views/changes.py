"""Changing what is paid: another plan, other seats, the end; always with a preview."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from tremplin.api import Problem
from tremplin.billing import cards, overview, quotes, services
from tremplin.billing.forms import ChangePlanForm, ChangeSeatsForm
from tremplin.billing.lines import Line, totals
from tremplin.billing.models import Order, Subscription
from tremplin.billing.quotes import Change
from tremplin.billing.views.answers import problems_answered
from tremplin.kernel import clock
from tremplin.kernel.access import guarded
from tremplin.licensing import seats as seat_counts


@guarded(permission="billing.manage")
@problems_answered
def plan(request: HttpRequest, subscription: UUID) -> HttpResponse:
    """Choose another plan or rhythm; the preview is the next page."""
    found = overview.find_subscription(request.tenant, subscription)
    first = quotes.agreed_of(found)[0]
    module = first.price.plan_version.plan.module
    others = cards.plan_cards(request.tenant, module=module, currency=found.currency)
    form = ChangePlanForm(request.POST or None, found=others)
    form.fields["offer"].initial = request.GET.get("offer", str(first.price.pk))
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            chosen = form.chosen()
            change = Change("plan", chosen.price.plan_version, chosen.price.interval)
            answer = _preview(form, found, change)
            if answer is not None:
                return answer
    context = {"row": overview.row_of(request.tenant, found), "form": form, "cards": others}
    return render(request, "billing/change_plan.html", context, status=status)


@guarded(permission="billing.manage")
@problems_answered
def seats(request: HttpRequest, subscription: UUID) -> HttpResponse:
    """Choose another number of seats; the preview is the next page."""
    found = overview.find_subscription(request.tenant, subscription)
    row = overview.row_of(request.tenant, found)
    form = ChangeSeatsForm(request.POST or None, initial={"seats": row.items[0].seats})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            change = Change("seats", seats=form.cleaned_data["seats"])
            answer = _preview(form, found, change)
            if answer is not None:
                return answer
    context = {"row": row, "form": form, "seats": seat_counts.status(request.tenant)}
    return render(request, "billing/change_seats.html", context, status=status)


def _preview(form: forms.Form, found: Subscription, change: Change) -> HttpResponse | None:
    try:
        made = services.preview_change(found, change)
    except Problem as problem:
        if problem.code == "same":
            form.add_error(None, _("This is what you have already."))
        else:
            form.add_error(None, problem.detail)
        return None
    return redirect("billing:change", quote=made.pk)


@guarded(permission="billing.manage")
@problems_answered
def preview(request: HttpRequest, quote: UUID) -> HttpResponse:
    """Show what a change costs now and later; the button executes exactly this."""
    found = overview.find_quote(request.tenant, quote, "change")
    subscription = overview.find_subscription(request.tenant, UUID(found.body["subscription"]))
    if request.method == "POST":
        services.change(subscription, found, idempotency_key=found.pk, by=request.ctx.person.id)
        return _changed(request, subscription, found.body)
    used = seat_counts.status(request.tenant).used
    wanted = found.body["items"][0]["seats"]
    later = [Line.from_json(item) for item in found.body["recurring"]]
    context = {
        "quote": found,
        "subscription": subscription,
        "lines": [Line.from_json(item) for item in found.body["lines"]],
        "later": later,
        "later_totals": totals(later),
        "effective_at": _instant(found.body["effective_at"]),
        "is_over": found.expires_at <= clock.now(),
        "seats_left_out": max(0, used - wanted) if found.body["items"][0]["module"] == "" else 0,
        "used": used,
        "wanted": wanted,
    }
    return render(request, "billing/change_preview.html", context)


def _changed(
    request: HttpRequest, subscription: Subscription, body: dict[str, object]
) -> HttpResponse:
    """Say what happened: at once, at a date, or on the order that asks for money."""
    waiting = Order.objects.filter(
        tenant_id=request.tenant.pk,
        subscription=subscription,
        state=Order.State.OPEN,
        expires_at__gt=clock.now(),
    ).order_by("-created_at")
    if body["is_immediate"]:
        first = waiting.first()
        if first is not None and first.total_minor:
            return redirect("billing:order", order=first.pk)
        messages.success(request, _("The change is made."))
    else:
        date = date_format(localtime(_instant(str(body["effective_at"]))), "DATE_FORMAT")
        messages.success(request, _("The change takes effect on %(date)s.") % {"date": date})
    return redirect("billing:index")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@guarded(permission="billing.manage")
@problems_answered
def cancel(request: HttpRequest, subscription: UUID) -> HttpResponse:
    """Ask, then end a subscription at the end of what is paid."""
    found = overview.find_subscription(request.tenant, subscription)
    if request.method == "POST":
        services.cancel(found, at_period_end=True, by=request.ctx.person.id)
        messages.success(
            request,
            _("The subscription ends on %(date)s. Until then nothing changes.")
            % {"date": date_format(localtime(found.period_end), "DATE_FORMAT")},
        )
        return redirect("billing:index")
    context = {"row": overview.row_of(request.tenant, found)}
    return render(request, "billing/cancel.html", context)


@require_POST
@guarded(permission="billing.manage")
@problems_answered
def undo_cancel(request: HttpRequest, subscription: UUID) -> HttpResponse:
    """Continue a subscription that was to end."""
    found = overview.find_subscription(request.tenant, subscription)
    services.undo_cancel(found, by=request.ctx.person.id)
    messages.success(request, _("The subscription continues."))
    return redirect("billing:index")


@require_POST
@guarded(permission="billing.manage")
@problems_answered
def undo_change(request: HttpRequest, subscription: UUID) -> HttpResponse:
    """Forget the change that waits for the end of the period."""
    found = overview.find_subscription(request.tenant, subscription)
    if services.undo_change(found):
        messages.success(request, _("The planned change is dropped."))
    return redirect("billing:index")
