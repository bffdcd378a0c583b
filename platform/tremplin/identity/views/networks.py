"""The networks of the space: a draft, its dry run, ten minutes of trial, confirmation."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from tremplin.identity.errors import IdentityError
from tremplin.identity.network import service
from tremplin.identity.network.allow_list import LARGEST, Rules, State, canonical, state
from tremplin.identity.network.dry_run import dry_run
from tremplin.kernel import clock
from tremplin.kernel.access import guarded


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def _draft(request: HttpRequest) -> Rules:
    """Return the list as the form holds it, canonical where it can be."""
    kept: list[str] = []
    for item in request.POST.getlist("network")[: LARGEST + 1]:
        try:
            kept.append(canonical(item))
        except IdentityError:
            continue  # hand-made: the form only holds ranges that were checked
    removed = request.POST.get("remove", "")
    reach = "console" if request.POST.get("apply_to") == "console" else "everything"
    return Rules(
        tuple(dict.fromkeys(item for item in kept if item != removed)),
        reach,  # type: ignore[arg-type]
    )


def _with_added(draft: Rules, text: str) -> Rules:
    """Return the draft with the ranges of ``text``, apart by spaces, commas or lines."""
    added = [canonical(item) for item in text.replace(",", " ").replace(";", " ").split()]
    found = tuple(dict.fromkeys((*draft.networks, *added)))
    if len(found) > LARGEST:
        raise IdentityError(
            "too_many_networks", _("Give at most %(limit)s ranges.") % {"limit": LARGEST}
        )
    return Rules(found, draft.apply_to)


@guarded("identity.manage_security")
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Show the list and who it would lock out; a POST changes the draft or puts it on trial."""
    found = state()
    draft, problem, typed = found.in_force(clock.now()), "", ""
    if request.method == "POST":
        draft = _draft(request)
        typed = request.POST.get("add", "").replace("\x00", "")[:2000]
        try:
            draft, typed = _with_added(draft, typed), ""
            if request.POST.get("action") == "try":
                return _begin(request, draft)
        except IdentityError as error:
            problem = error.message
    return _page(request, found, draft, problem, typed)


def _begin(request: HttpRequest, draft: Rules) -> HttpResponse:
    until = service.begin(draft, address=_address(request))
    if until is None:
        messages.success(request, _("The space can be reached from everywhere."))
    return redirect("people:networks")


def _page(
    request: HttpRequest, found: State, draft: Rules, problem: str, typed: str
) -> HttpResponse:
    now = clock.now()
    on_trial = found.trial_runs(now)
    address = _address(request)
    left = int((found.until - now).total_seconds()) if on_trial and found.until else 0
    context: dict[str, Any] = {
        "page_title": _("Networks"),
        "draft": draft,
        "ranges": [(item, Rules((item,)).allow(address)) for item in draft.networks],
        "changed": draft != found.in_force(now),
        "confirmed": found.confirmed,
        "on_trial": on_trial,
        "seconds_left": left,
        "minutes_left": -(-left // 60),
        "until": found.until,
        "address": address,
        "address_allowed": draft.allow(address),
        "run": dry_run(draft, now) if draft.networks else None,
        "locked": service.is_locked(),
        "problem": problem,
        "typed": typed,
    }
    return render(
        request, "identity/security/networks.html", context, status=422 if problem else 200
    )


@guarded("identity.manage_security")
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Keep the list on trial."""
    try:
        service.confirm(address=_address(request))
    except IdentityError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The list is confirmed."))
    return redirect("people:networks")


@guarded("identity.manage_security")
@require_POST
def give_up(request: HttpRequest) -> HttpResponse:
    """End the trial before its time."""
    if service.give_up():
        messages.success(request, _("The former list is back."))
    return redirect("people:networks")
