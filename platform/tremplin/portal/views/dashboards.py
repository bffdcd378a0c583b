"""The home page of a person and the dashboard of the staff."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tremplin.api import NextAction, TenantContext, Widget, hookspecs
from tremplin.identity.selectors import cohorts, count_active, count_with_role
from tremplin.kernel import gate
from tremplin.kernel.access import guarded
from tremplin.kernel.dispatch import dispatcher
from tremplin.licensing import seats
from tremplin.licensing.selectors import quotas_of
from tremplin.portal import selectors, services


def _widgets(ctx: TenantContext, page: Literal["app", "console"]) -> dict[str, list[Widget]]:
    answers = dispatcher.collect(hookspecs.dashboard_widgets, ctx.enabled, ctx=ctx)
    chosen = [
        answer
        for answer in answers
        if answer.value.page == page
        and (not answer.value.permission or ctx.can(answer.value.permission))
    ]
    chosen.sort(key=lambda answer: (answer.value.order, answer.plugin, answer.value.key))
    widgets = [answer.value for answer in chosen]
    return {
        "figures": [widget for widget in widgets if widget.size == "kpi"],
        "panels": [widget for widget in widgets if widget.size != "kpi"],
    }


def _next_actions(ctx: TenantContext) -> list[NextAction]:
    answers = dispatcher.collect(hookspecs.next_actions, ctx.enabled, ctx=ctx)
    ordered = sorted(
        answers,
        key=lambda answer: (
            -answer.value.weight,
            answer.value.due.timestamp() if answer.value.due else float("inf"),
            answer.plugin,
        ),
    )
    return [answer.value for answer in ordered]


@guarded()
def app(request: HttpRequest) -> HttpResponse:
    """Show what the person should do next, then the cards of the modules."""
    actions = _next_actions(request.ctx)
    context = {
        "first_action": actions[0] if actions else None,
        "other_actions": actions[1:6],
        "quotas": quotas_of(request.tenant, request.ctx.person.id, request.ctx.enabled),
        **_widgets(request.ctx, "app"),
    }
    return render(request, "portal/pages/app.html", context)


@guarded(permission="portal.console")
def console(request: HttpRequest) -> HttpResponse:
    """Show the figures of the space and the cards of the modules for the staff."""
    services.mark_step("dashboard")
    states = gate.states(request.tenant)
    context = {
        "learners": count_with_role("learner"),
        "seats": seats.status(request.tenant),
        "people": count_active(),
        "cohorts": cohorts() if request.ctx.can("identity.view_people") else [],
        "modules_on": sum(state.mode == "on" for state in states.values()),
        **_widgets(request.ctx, "console"),
        "checklist": selectors.checklist(request.tenant, request.ctx),
    }
    return render(request, "portal/pages/console.html", context)


@guarded(permission="portal.console")
def welcome(request: HttpRequest) -> HttpResponse:
    """Show the first steps of a new space."""
    context = {"checklist": selectors.checklist(request.tenant, request.ctx)}
    return render(request, "portal/pages/welcome.html", context)
