"""Actions on several people: preview, confirmation, progress."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from tremplin.identity import selectors
from tremplin.identity.errors import IdentityError
from tremplin.identity.internal import bulk, bulk_run
from tremplin.identity.models import BulkAction, User
from tremplin.identity.people_forms import BulkForm, ConfirmForm
from tremplin.identity.views.people import filter_of, people_page
from tremplin.kernel.access import guarded

PAGE_SIZE = 50
MAX_TICKED = 500


def uuids(values: list[str]) -> list[UUID]:
    """Return the well-formed ids among ``values``, 500 at most."""
    found = []
    for value in values[:MAX_TICKED]:
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found


@guarded("identity.manage_people")
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Keep the chosen people and the action, then show what would happen."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    user: Any = request.user
    ticked = uuids(request.POST.getlist("person"))
    present = [
        str(pk) for pk in User.objects.present().filter(pk__in=ticked).values_list("pk", flat=True)
    ]
    wanted = QueryDict(request.POST.get("filter", "")[:600])
    form = BulkForm(request.POST, ctx=ctx, people=present)
    if not form.is_valid():
        problems = [str(error) for errors in form.errors.values() for error in errors]
        return people_page(request, wanted, problems)
    values = form.cleaned_data
    people = [UUID(pk) for pk in values["person"]]
    if values["everyone"]:
        people = list(selectors.people(filter_of(wanted)).values_list("pk", flat=True))
    action = bulk.Action(values["action"], role=values["role"], cohort=values["cohort"])
    try:
        row = bulk_run.open_preview(user, action, people)
    except IdentityError as error:
        return people_page(request, wanted, [error.message])
    return redirect("people:bulk_preview", action=row.pk)


def _own(request: HttpRequest, pk: UUID) -> BulkAction:
    """Return the action if this person prepared it: nobody reads or confirms another's."""
    user: Any = request.user
    row = BulkAction.objects.filter(pk=pk, actor=user).select_related("cohort", "actor").first()
    if row is None:
        raise Http404
    return row


@guarded("identity.manage_people")
@require_http_methods(["GET", "POST"])
def preview(request: HttpRequest, action: UUID) -> HttpResponse:
    """Say exactly who would change and who would not; on POST do it, once.

    After the confirmation the same address shows how far it went, then the result.
    """
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    row = _own(request, action)
    if row.state != BulkAction.State.PREVIEW:
        if request.method == "POST":
            messages.info(request, _("This action was already confirmed."))
            return redirect("people:bulk_preview", action=row.pk)
        return _progress(request, row)
    form = ConfirmForm(request.POST or None, action=row.action)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            done = bulk_run.confirm(
                ctx,
                row,
                expected=values["expected"],
                reason=values.get("reason", ""),
                notify=values.get("notify", ""),
            )
        except IdentityError as error:
            form.add_error(None, error.html)
        else:
            return _confirmed(request, done)
    return _preview_page(request, row, form)


def _confirmed(request: HttpRequest, row: BulkAction) -> HttpResponse:
    if row.state != BulkAction.State.DONE:
        return redirect("people:bulk_preview", action=row.pk)
    messages.success(
        request,
        ngettext("%(count)s account changed.", "%(count)s accounts changed.", row.changed)
        % {"count": row.changed},
    )
    return redirect("people:list")


def _preview_page(request: HttpRequest, row: BulkAction, form: ConfirmForm) -> HttpResponse:
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    chosen = bulk_run.action_of(row)
    effects = bulk.preview(ctx, chosen, bulk.people_in(row))
    changing = [effect for effect in effects if effect.changes]
    left = [effect for effect in effects if not effect.changes]
    shown = "left" if request.GET.get("show") == "left" or (left and not changing) else "changing"
    page = Paginator(left if shown == "left" else changing, PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    here = reverse("people:bulk_preview", args=[row.pk])
    context = {
        "page_title": bulk.title(chosen),
        "row": row,
        "form": form,
        "action": chosen,
        "effects": effects,
        "changing": len(changing),
        "left": len(left),
        "reasons": bulk.reasons(effects),
        "gone": len(row.people) - len(effects),
        "shown": shown,
        "page": page,
        "tabs": [
            {
                "label": _("Will change"),
                "url": here,
                "current": shown == "changing",
                "badge": str(len(changing)),
                "testid": "bulk-tab-changing",
            },
            {
                "label": _("Left out"),
                "url": f"{here}?show=left",
                "current": shown == "left",
                "badge": str(len(left)),
                "testid": "bulk-tab-left",
            },
        ],
        "in_background": len(changing) > bulk_run.AT_ONCE,
        "destructive": row.action in {"suspend", "remove"},
    }
    return render(request, "identity/people/bulk.html", context, status=422 if form.errors else 200)


def _progress(request: HttpRequest, row: BulkAction) -> HttpResponse:
    total = len(row.people)
    context = {
        "page_title": bulk.title(bulk_run.action_of(row)),
        "row": row,
        "total": total,
        "percent": round(100 * row.position / total) if total else 100,
        "skipped": row.position - row.changed,
        "running": row.state == BulkAction.State.RUNNING,
        "stopped": row.state == BulkAction.State.STOPPED,
    }
    return render(request, "identity/people/bulk_progress.html", context)
