"""Cohorts: their list, their members, their name."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from tremplin.identity import selectors, services
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import Cohort
from tremplin.identity.people_forms import CohortForm
from tremplin.identity.views.people import PAGE_SIZE, _rows
from tremplin.kernel.access import guarded


@guarded("identity.view_people")
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Show the cohorts and, to people managers, a form to add one."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    can_manage = ctx.can("identity.manage_people")
    form = CohortForm(request.POST or None)
    if request.method == "POST":
        if not can_manage:
            from django.core.exceptions import PermissionDenied

            raise PermissionDenied
        if form.is_valid():
            before = Cohort.objects.count()
            cohort = services.ensure_cohort(form.cleaned_data["name"])
            if Cohort.objects.count() > before:
                messages.success(
                    request, _("The cohort “%(name)s” is ready.") % {"name": cohort.name}
                )
            else:
                messages.info(
                    request, _("The cohort “%(name)s” existed already.") % {"name": cohort.name}
                )
            return redirect("people:cohort", slug=cohort.slug)
    context = {
        "page_title": _("Cohorts"),
        "cohorts": list(selectors.cohorts()),
        "form": form,
        "can_manage": can_manage,
    }
    return render(
        request, "identity/cohorts/list.html", context, status=422 if form.errors else 200
    )


@guarded("identity.view_people")
@require_GET
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the members of a cohort."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    cohort = get_object_or_404(Cohort, slug=slug)
    found = selectors.people(
        selectors.PeopleFilter(text=request.GET.get("q", "")[:200], cohort=slug)
    )
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    shown: Any = page.object_list
    page.object_list = list(selectors.with_roles(shown))
    context = {
        "page_title": cohort.name,
        "cohort": cohort,
        "page": page,
        "rows": _rows(page.object_list),
        "text": request.GET.get("q", ""),
        "can_manage": ctx.can("identity.manage_people"),
    }
    return render(request, "identity/cohorts/detail.html", context)


@guarded("identity.manage_people")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Rename a cohort, or delete it (its members stay in the space)."""
    cohort = get_object_or_404(Cohort, slug=slug)
    if request.method == "POST" and "delete" in request.POST:
        services.delete_cohort(cohort)
        messages.success(request, _("The cohort was deleted. Its members stay in the space."))
        return redirect("people:cohorts")
    form = CohortForm(request.POST or None, initial={"name": cohort.name})
    if request.method == "POST" and form.is_valid():
        try:
            services.rename_cohort(cohort, form.cleaned_data["name"])
        except IdentityError as error:
            form.add_error("name", error.message)
        else:
            messages.success(request, _("Saved."))
            return redirect("people:cohort", slug=cohort.slug)
    context = {"page_title": _("Edit the cohort"), "cohort": cohort, "form": form}
    return render(
        request, "identity/cohorts/edit.html", context, status=422 if form.errors else 200
    )
