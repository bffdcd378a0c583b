"""Temporary accounts: made together, watched, extended, ended, kept."""

from __future__ import annotations

import json
import secrets
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tremplin.api import services as platform
from tremplin.identity import roles as role_catalogue
from tremplin.identity import selectors, services
from tremplin.identity.errors import IdentityError
from tremplin.identity.importing.export import csv_bytes, separator_for
from tremplin.identity.internal import authority
from tremplin.identity.mails import absolute_url
from tremplin.identity.normalise import is_reachable
from tremplin.identity.pilot_forms import ExtendForm, KeepForm, PilotsActionForm, PilotsForm
from tremplin.identity.services.pilots import Account
from tremplin.identity.views.bulk import uuids
from tremplin.identity.views.people import STATUS_VARIANTS, status_labels
from tremplin.kernel import crypto
from tremplin.kernel.access import guarded

PAGE_SIZE = 25
DOUBLE_CLICK_SECONDS = 3600


@guarded("identity.manage_people")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """List the temporary accounts with their sessions and last activity."""
    return _index(request)


def _index(request: HttpRequest, errors: list[str] | None = None) -> HttpResponse:
    page = Paginator(selectors.pilots(), PAGE_SIZE).get_page(request.GET.get("page"))
    shown: Any = page.object_list
    people: list[Any] = list(selectors.with_roles(shown))
    page.object_list = people
    labels, names = status_labels(), role_catalogue.labels()
    activity = selectors.activity_of([row.pk for row in people])
    rows = []
    for person in people:
        status = selectors.status_of(person)
        sessions, seen = activity.get(person.pk, (0, None))
        rows.append(
            {
                "person": person,
                "roles": [names.get(code, code) for code in person.granted],
                "status_label": labels[status],
                "status_variant": STATUS_VARIANTS[status],
                "sessions": sessions,
                "seen": seen or person.last_login,
                "last_day": selectors.last_day(person),
            }
        )
    context = {
        "page_title": _("Temporary accounts"),
        "page": page,
        "rows": rows,
        "errors": errors or [],
    }
    return render(request, "identity/pilots/list.html", context, status=422 if errors else 200)


@never_cache
@guarded("identity.manage_people")
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Create the accounts and show their passwords, once: they are stored nowhere in clear."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    form = PilotsForm(request.POST or None, ctx=ctx, initial={"token": secrets.token_hex(16)})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            authority.check_assignment(ctx, (), [values["role"]])
            with transaction.atomic():
                accounts = services.create_pilots(
                    prefix=values["prefix"],
                    count=values["count"] or 0,
                    emails=values["emails"],
                    role=values["role"],
                    cohort=values["cohort"],
                    expires_at=values["expires_at"],
                    locale=values["locale"],
                    domain=f"{ctx.tenant.slug}.invalid",
                )
                if not platform.cache().add(
                    f"identity:pilots:{values['token']}", 1, DOUBLE_CLICK_SECONDS
                ):
                    raise IdentityError(
                        "already_created",
                        _("These accounts were already created. Open this page again for others."),
                    )
        except IdentityError as error:
            form.add_error(None, error.html)
        else:
            return _sheet_page(request, accounts)
    context = {"page_title": _("Create temporary accounts"), "form": form}
    return render(
        request, "identity/pilots/create.html", context, status=422 if form.errors else 200
    )


def _sheet_page(request: HttpRequest, accounts: list[Account]) -> HttpResponse:
    lines = [[account.person.email, account.password] for account in accounts]
    person = accounts[0].person
    sealed = crypto.encrypt(
        json.dumps({"by": str(request.user.pk), "lines": lines, "ends": str(person.expires_at)})
    )
    context = {
        "page_title": _("The accounts are ready"),
        "accounts": accounts,
        "last_day": selectors.last_day(person),
        "sign_in": absolute_url("/accounts/login/"),
        "sealed": sealed,
    }
    return render(request, "identity/pilots/sheet.html", context)


@never_cache
@guarded("identity.manage_people")
@require_POST
def sheet(request: HttpRequest) -> HttpResponse:
    """Send the sheet just shown as CSV: its page carries it, encrypted for this person.

    The platform keeps no copy, so nothing can be asked again once the page is closed.
    """
    try:
        content = json.loads(crypto.decrypt(request.POST.get("sealed", "")[:20_000]))
    except (crypto.DecryptionError, ValueError):
        raise Http404 from None
    if content.get("by") != str(request.user.pk):
        raise Http404
    header = [_("Address"), _("E-mail"), _("Password")]
    address = absolute_url("/accounts/login/")
    rows = [[address, *line] for line in content["lines"]]
    data = csv_bytes(header, rows, separator=separator_for(request.LANGUAGE_CODE))  # type: ignore[attr-defined]
    response = HttpResponse(data, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="temporary-accounts.csv"'
    return response


@guarded("identity.manage_people")
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Extend or end the ticked accounts, all or none."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    ticked = uuids(request.POST.getlist("person"))
    people: list[Any] = list(selectors.with_roles(selectors.pilots().filter(pk__in=ticked)))
    form = PilotsActionForm(
        request.POST, people=[str(row.pk) for row in people], zone=ctx.tenant.timezone
    )
    if not form.is_valid():
        return _index(request, [str(e) for errors in form.errors.values() for e in errors])
    values = form.cleaned_data
    try:
        with transaction.atomic():
            for person in people:
                authority.check_manage(ctx, person.pk, person.granted)
                if values["action"] == "extend":
                    services.extend_pilot(person, values["expires_at"])
                else:
                    services.end_pilot(person)
    except IdentityError as error:
        return _index(request, [error.html])
    messages.success(
        request,
        ngettext("%(count)s account changed.", "%(count)s accounts changed.", len(people))
        % {"count": len(people)},
    )
    return redirect("people:pilots")


@guarded("identity.manage_people")
@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, person: UUID) -> HttpResponse:
    """Show one temporary account; extend it, end it or keep it for good."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    found: Any = selectors.with_roles(selectors.pilots().filter(pk=person)).first()
    if found is None:
        raise Http404
    asked = request.POST.get("action", "")
    needed = not is_reachable(found.email)
    extend = ExtendForm(
        request.POST if asked == "extend" else None,
        zone=ctx.tenant.timezone,
        initial={"ends_on": selectors.last_day(found)},
    )
    keep = KeepForm(request.POST if asked == "keep" else None, needed=needed)
    bound: forms.Form | None = {"extend": extend, "keep": keep}.get(asked)
    problem = ""
    if request.method == "POST" and (asked == "end" or (bound is not None and bound.is_valid())):
        try:
            authority.check_manage(ctx, found.pk, found.granted)
            text = _apply(found, asked, extend, keep)
        except IdentityError as error:
            problem = error.html
        else:
            messages.success(request, text)
            if asked == "keep":
                return redirect("people:detail", person=found.pk)
            return redirect("people:pilot", person=found.pk)
    status = selectors.status_of(found)
    sessions, seen = selectors.activity_of([found.pk]).get(found.pk, (0, None))
    context = {
        "page_title": found.display_name,
        "person": found,
        "status_label": status_labels()[status],
        "status_variant": STATUS_VARIANTS[status],
        "ended": found.expires_at <= timezone.now(),
        "last_day": selectors.last_day(found),
        "sessions": sessions,
        "seen": seen or found.last_login,
        "extend": extend,
        "keep": keep,
        "problem": problem,
        "can_close": authority.may_manage(ctx, found.granted) and found.pk != ctx.person.id,
    }
    failed = bool(problem) or (bound is not None and bool(bound.errors))
    return render(request, "identity/pilots/detail.html", context, status=422 if failed else 200)


def _apply(person: Any, asked: str, extend: ExtendForm, keep: KeepForm) -> str:
    if asked == "extend":
        services.extend_pilot(person, extend.expires_at)
        return _("The end date is moved.")
    if asked == "keep":
        services.keep_pilot(person, email=keep.cleaned_data["email"])
        return _("The account stays: it has no end date any more.")
    services.end_pilot(person)
    return _("The account is over and its sessions are closed.")
