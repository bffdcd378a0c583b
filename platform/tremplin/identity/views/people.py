"""The list of people, invitations and the export."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from tremplin.identity import roles as role_catalogue
from tremplin.identity import selectors
from tremplin.identity.errors import IdentityError
from tremplin.identity.importing.export import csv_bytes, separator_for
from tremplin.identity.internal import authority
from tremplin.identity.internal import bulk as bulk_actions
from tremplin.identity.models import User
from tremplin.identity.people_forms import InviteForm, role_choices
from tremplin.kernel.access import guarded

PAGE_SIZE = 25


def status_labels() -> dict[str, str]:
    """Return the name of each status in the current language."""
    return {
        "active": _("Active"),
        "invited": _("Invited"),
        "suspended": _("Suspended"),
        "expired": _("Expired"),
    }


STATUS_VARIANTS = {
    "active": "success",
    "invited": "info",
    "suspended": "warning",
    "expired": "muted",
}


def filter_of(values: QueryDict) -> selectors.PeopleFilter:
    """Return the filter of the list that an address or a form names."""
    status = values.get("status", "")
    return selectors.PeopleFilter(
        text=values.get("q", "")[:200],
        role=values.get("role", "")[:40],
        cohort=values.get("cohort", "")[:140],
        status=status if status in selectors.STATUSES else "",
    )


def _rows(people: list[Any]) -> list[dict[str, Any]]:
    cohorts = selectors.cohorts_by_person([row.pk for row in people])
    labels = status_labels()
    names = role_catalogue.labels()
    rows = []
    for row in people:
        status = selectors.status_of(row)
        rows.append(
            {
                "person": row,
                "roles": [names.get(code, code) for code in row.granted],
                "cohorts": cohorts[row.pk],
                "status": status,
                "status_label": labels[status],
                "status_variant": STATUS_VARIANTS[status],
            }
        )
    return rows


@guarded("identity.view_people")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the people of the space, searched and filtered."""
    return people_page(request, request.GET)


def people_page(
    request: HttpRequest, values: QueryDict, errors: list[str] | None = None
) -> HttpResponse:
    """Return the list under the filter of ``values``, with what is wrong with an action."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    wanted = filter_of(values)
    page = Paginator(selectors.people(wanted), PAGE_SIZE).get_page(request.GET.get("page"))
    shown: Any = page.object_list
    page.object_list = list(selectors.with_roles(shown))
    labels = status_labels()
    context = {
        "page_title": _("People"),
        "page": page,
        "rows": _rows(page.object_list),
        "filter": wanted,
        "filtering": wanted != selectors.PeopleFilter(),
        "roles": [
            (role.code, role_catalogue.name_of(role))
            for role in role_catalogue.roles_for(ctx.tenant.kind)
        ],
        "cohorts": list(selectors.cohorts()),
        "statuses": [(code, labels[code]) for code in selectors.STATUSES],
        "can_manage": ctx.can("identity.manage_people"),
        "assignable": role_choices(ctx),
        "errors": errors or [],
        "query": values.urlencode(),
    }
    return render(request, "identity/people/list.html", context, status=422 if errors else 200)


@guarded("identity.manage_people")
@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    """Invite one or several people by e-mail; nobody is invited when one address is wrong."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    form = InviteForm(request.POST or None, ctx=ctx)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        emails: list[str] = values["emails"]
        known = set(User.objects.filter(email__in=emails).values_list("email", flat=True))
        fresh = [email for email in emails if email not in known]
        try:
            authority.check_assignment(ctx, (), values["roles"])
            count = bulk_actions.invite_all(
                fresh, values["roles"], values["cohort"], invited_by=request.user
            )
        except IdentityError as error:
            form.add_error(None, error.html)
        else:
            if count:
                messages.success(
                    request,
                    ngettext(
                        "%(count)s invitation is on its way.",
                        "%(count)s invitations are on their way.",
                        count,
                    )
                    % {"count": count},
                )
            if known:
                messages.info(
                    request,
                    _("Already in this space, not invited again: %(list)s")
                    % {"list": ", ".join(sorted(known)[:10])},
                )
            return redirect(f"{reverse('people:list')}?{urlencode({'status': 'invited'})}")
    context = {"page_title": _("Invite people"), "form": form}
    return render(
        request, "identity/people/invite.html", context, status=422 if form.errors else 200
    )


@guarded("identity.manage_people")
@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """Send the filtered list as CSV; the export is recorded."""
    from tremplin.api import services as platform

    people: list[Any] = list(selectors.with_roles(selectors.people(filter_of(request.GET))))
    cohorts = selectors.cohorts_by_person([row.pk for row in people])
    labels = status_labels()
    header = [
        _("E-mail"),
        _("First name"),
        _("Last name"),
        _("Role"),
        _("Cohort"),
        _("Language"),
        _("Status"),
    ]
    rows = (
        [
            row.email,
            row.first_name,
            row.last_name,
            " | ".join(row.granted),
            " | ".join(cohort.name for cohort in cohorts[row.pk]),
            row.locale,
            labels[selectors.status_of(row)],
        ]
        for row in people
    )
    content = csv_bytes(header, rows, separator=separator_for(request.LANGUAGE_CODE))  # type: ignore[attr-defined]
    platform.audit().record("people.exported", data={"people": len(people)})
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="people.csv"'
    return response
