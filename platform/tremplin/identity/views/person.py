"""One person: names, roles, cohorts, state of the account, sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tremplin.identity import roles as role_catalogue
from tremplin.identity import selectors, services
from tremplin.identity.errors import IdentityError
from tremplin.identity.internal import authority
from tremplin.identity.models import Cohort
from tremplin.identity.normalise import is_reachable
from tremplin.identity.people_forms import CohortsForm, PersonForm, ReasonForm, RolesForm
from tremplin.identity.sessions import open_sessions
from tremplin.identity.views import person_factors
from tremplin.identity.views.people import STATUS_VARIANTS, status_labels
from tremplin.kernel.access import guarded


def _person(pk: UUID) -> Any:
    found = selectors.person(pk)
    if found is None:
        raise Http404
    return found


def _page(
    request: HttpRequest, person: Any, forms_in_error: dict[str, forms.Form] | None = None
) -> HttpResponse:
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    cohorts = list(Cohort.objects.filter(memberships__person=person))
    status = selectors.status_of(person)
    mine = person.pk == ctx.person.id
    held = set(person.granted)
    reachable = authority.assignable_codes(ctx)
    may_close = ctx.can("identity.manage_people") and held <= reachable
    names = role_catalogue.labels()
    context = {
        "page_title": person.display_name,
        "person": person,
        "status": status,
        "status_label": status_labels()[status],
        "status_variant": STATUS_VARIANTS[status],
        "roles": [names.get(code, code) for code in person.granted],
        "fixed_roles": [names.get(code, code) for code in person.granted if code not in reachable],
        "last_day": selectors.last_day(person),
        "cohorts": cohorts,
        "factors": person_factors.summary(request, person),
        "owner": services.is_owner(person),
        "mine": mine,
        "can_edit": may_close,
        "can_manage": ctx.can("identity.manage_people"),
        "can_close": not mine and may_close,
        "can_roles": ctx.can("identity.manage_people") and bool(reachable),
        "invitation": selectors.pending_invitation(person.pk),
        # Addresses and browsers are shown to the person and to who manages accounts, not to trainers.
        "sessions": (
            open_sessions(person)[:20] if mine or ctx.can("identity.manage_people") else []
        ),
        "person_form": PersonForm(
            initial={
                "first_name": person.first_name,
                "last_name": person.last_name,
                "locale": person.locale,
            }
        ),
        "roles_form": RolesForm(ctx=ctx, initial={"roles": sorted(held)}),
        "cohorts_form": CohortsForm(initial={"cohorts": [cohort.pk for cohort in cohorts]}),
        "reachable": is_reachable(person.email),
        **(forms_in_error or {}),
    }
    return render(
        request, "identity/people/detail.html", context, status=422 if forms_in_error else 200
    )


@guarded("identity.view_people")
@require_GET
def detail(request: HttpRequest, person: UUID) -> HttpResponse:
    """Show one person."""
    return _page(request, _person(person))


def _done(request: HttpRequest, pk: UUID, text: str) -> HttpResponse:
    messages.success(request, text)
    return redirect("people:detail", person=pk)


@guarded("identity.manage_people")
@require_POST
def edit(request: HttpRequest, person: UUID) -> HttpResponse:
    """Change names and language."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    found = _person(person)
    form = PersonForm(request.POST)
    if form.is_valid():
        if found.pk == ctx.person.id or authority.may_manage(ctx, found.granted):
            services.update_person(found, **form.cleaned_data)
            return _done(request, found.pk, _("Saved."))
        form.add_error(None, _("Only someone who may give their roles can change this account."))
    return _page(request, found, {"person_form": form})


@guarded("identity.manage_people")
@require_POST
def roles(request: HttpRequest, person: UUID) -> HttpResponse:
    """Change the roles the manager may give; the others stay as they are."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    found = _person(person)
    form = RolesForm(request.POST, ctx=ctx)
    if form.is_valid():
        held = set(found.granted)
        wanted = (held - authority.assignable_codes(ctx)) | set(form.cleaned_data["roles"])
        try:
            authority.check_assignment(ctx, held, wanted)
            services.set_roles(found, wanted)
        except IdentityError as error:
            form.add_error("roles", error.html)
        else:
            return _done(request, found.pk, _("Roles saved."))
    return _page(request, found, {"roles_form": form})


@guarded("identity.manage_people")
@require_POST
def cohorts(request: HttpRequest, person: UUID) -> HttpResponse:
    """Change the cohorts of someone."""
    found = _person(person)
    form = CohortsForm(request.POST)
    if not form.is_valid():
        return _page(request, found, {"cohorts_form": form})
    wanted = {cohort.pk: cohort for cohort in form.cleaned_data["cohorts"]}
    for cohort in Cohort.objects.filter(memberships__person=found):
        if cohort.pk not in wanted:
            services.remove_from_cohort(found, cohort)
    for cohort in wanted.values():
        services.add_to_cohort(found, cohort)
    return _done(request, found.pk, _("Cohorts saved."))


def _act(
    request: HttpRequest, pk: UUID, action: Callable[[Any], object], text: str
) -> HttpResponse:
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    found = _person(pk)
    try:
        authority.check_manage(ctx, found.pk, found.granted)
        action(found)
    except IdentityError as error:
        messages.error(request, error.html)
        return redirect("people:detail", person=pk)
    return _done(request, pk, text)


@guarded("identity.manage_people")
@require_http_methods(["GET", "POST"])
def suspend(request: HttpRequest, person: UUID) -> HttpResponse:
    """Ask for a reason and whether to tell the person, then close the account at once."""
    found = _person(person)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason, notify = form.cleaned_data["reason"], form.cleaned_data["notify"]
        return _act(
            request,
            person,
            lambda found: services.suspend(found, reason, notify=notify),
            _("The account is suspended and its sessions are closed."),
        )
    context = {
        "page_title": _("Suspend %(name)s") % {"name": found.display_name},
        "person": found,
        "form": form,
        "problem": _why_not(request, found, _("The owner of the space cannot be suspended.")),
        "sessions": UserSession.objects.filter(user=found).count(),
        "reachable": is_reachable(found.email),
    }
    return render(
        request, "identity/people/suspend.html", context, status=422 if form.errors else 200
    )


def _why_not(request: HttpRequest, person: Any, owner_text: str) -> str:
    """Return why this person may not be closed by whoever asks, or an empty string."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    try:
        authority.check_manage(ctx, person.pk, person.granted)
    except IdentityError as error:
        return error.message
    return owner_text if services.is_owner(person) else ""


@guarded("identity.manage_people")
@require_POST
def resume(request: HttpRequest, person: UUID) -> HttpResponse:
    """Open a suspended account again; the person is told when the form says so."""
    notify = "plain" if request.POST.get("notify") else ""
    return _act(
        request,
        person,
        lambda found: services.resume(found, notify=notify),
        _("The account is open again."),
    )


@guarded("identity.manage_people")
@require_POST
def resend(request: HttpRequest, person: UUID) -> HttpResponse:
    """Send a new invitation; the former link stops working."""
    return _act(
        request,
        person,
        lambda found: services.resend_invitation(found, invited_by=request.user),  # type: ignore[arg-type]
        _("A new invitation is on its way."),
    )


@guarded("identity.manage_people")
@require_POST
def sessions(request: HttpRequest, person: UUID) -> HttpResponse:
    """Sign someone out everywhere."""
    return _act(request, person, services.revoke_sessions, _("All sessions are closed."))


@guarded("identity.manage_people")
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, person: UUID) -> HttpResponse:
    """Ask, then close an account for good and erase what the space keeps about the person."""
    found = _person(person)
    problem = _why_not(request, found, _("The owner of the space cannot be removed."))
    if request.method == "POST" and not problem:
        try:
            services.remove(found)
        except IdentityError as error:
            problem = error.message
        else:
            messages.success(request, _("The person was removed."))
            return redirect("people:list")
    context = {
        "page_title": _("Remove %(name)s") % {"name": found.display_name},
        "person": found,
        "problem": problem,
    }
    return render(request, "identity/people/remove.html", context, status=422 if problem else 200)
