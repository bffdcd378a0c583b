"""Import of a list: choose the file, read what would happen, apply."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from tremplin.identity import roles as role_catalogue
from tremplin.identity.errors import IdentityError
from tremplin.identity.importing import uploads
from tremplin.identity.importing.export import csv_bytes, separator_for
from tremplin.identity.internal import authority
from tremplin.identity.models import Cohort
from tremplin.identity.people_forms import UploadForm
from tremplin.kernel.access import guarded

SHOWN = 200


def _steps(current: int) -> list[dict[str, str]]:
    labels = (_("Choose a file"), _("Check the lines"), _("Import finished"))
    states = ["done" if index < current else "todo" for index in range(3)]
    states[current] = "current"
    return [{"label": label, "state": state} for label, state in zip(labels, states, strict=True)]


@guarded("identity.manage_people")
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Take the file and keep it on the server until it is checked and applied."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    user: Any = request.user
    form = UploadForm(request.POST or None, request.FILES or None, ctx=ctx)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        content = file.read()
        kept = uploads.keep(
            user,
            request.session.session_key,
            name=file.name,
            content=content,
            default_role=form.cleaned_data["role"],
            default_cohort=form.cleaned_data["cohort"],
        )
        try:
            uploads.plan_of(
                kept, kind=ctx.tenant.kind, allowed_roles=authority.assignable_codes(ctx)
            )
        except IdentityError as error:
            kept.delete()
            form.add_error("file", error.message)
        else:
            return redirect("people:import_check", upload=kept.pk)
    context = {
        "page_title": _("Import people"),
        "form": form,
        "steps": _steps(0),
        "cohorts": list(Cohort.objects.values_list("name", flat=True)),
    }
    return render(
        request, "identity/people/import.html", context, status=422 if form.errors else 200
    )


@guarded("identity.manage_people")
@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, upload: UUID) -> HttpResponse:
    """Show the dry run; on POST import everything that is right, once."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    user: Any = request.user
    found = uploads.find(upload, user, request.session.session_key)
    if found is None:
        raise Http404
    allowed = authority.assignable_codes(ctx)
    problem = ""
    if request.method == "POST":
        try:
            done = uploads.apply(found, kind=ctx.tenant.kind, allowed_roles=allowed, person=user)
        except IdentityError as error:
            if error.code == "already_imported":
                messages.info(request, error.message)
                return redirect("people:list")
            problem = error.html
        else:
            context = {"page_title": _("Import finished"), "done": done, "steps": _steps(2)}
            return render(request, "identity/people/import_done.html", context)
    try:
        sheet, plan = uploads.plan_of(found, kind=ctx.tenant.kind, allowed_roles=allowed)
    except IdentityError as error:
        messages.error(request, error.message)
        return redirect("people:import")
    context = {
        "page_title": _("Check before importing"),
        "upload": found,
        "sheet": sheet,
        "plan": plan,
        "problem": problem,
        "steps": _steps(1),
        "column_names": _column_names(),
        "problems": [
            (item, _column_names().get(item.column, "")) for item in plan.problems[:SHOWN]
        ],
        "more_problems": max(0, len(plan.problems) - SHOWN),
        "sample": [
            (row, [role_catalogue.label(code) for code in row.roles]) for row in plan.new[:20]
        ],
        "more_new": max(0, len(plan.new) - 20),
    }
    return render(
        request, "identity/people/import_check.html", context, status=422 if problem else 200
    )


def _column_names() -> dict[str, str]:
    return {
        "email": _("E-mail"),
        "first_name": _("First name"),
        "last_name": _("Last name"),
        "role": _("Role"),
        "cohort": _("Cohort"),
        "locale": _("Language"),
    }


@guarded("identity.manage_people")
@require_GET
def template(request: HttpRequest) -> HttpResponse:
    """Send an example list with the right columns."""
    language: str = request.LANGUAGE_CODE  # type: ignore[attr-defined]
    content = csv_bytes(
        list(_column_names().values()),
        [
            [
                "alex.martin@example.org",
                "Alex",
                "Martin",
                role_catalogue.label("learner"),
                "2026-A",
                language,
            ],
            [
                "zoe.leroy@example.org",
                "Zoé",
                "Leroy",
                role_catalogue.label("learner"),
                "2026-A",
                language,
            ],
        ],
        separator=separator_for(language),
    )
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="people-template.csv"'
    return response
