"""A person's own sessions: where she is signed in, and how to end it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from tremplin.identity import identity_settings, sessions
from tremplin.kernel.access import guarded


@guarded()
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """List the open sessions; POST ends all of them but this one."""
    person: Any = request.user
    if request.method == "POST":
        ended = sessions.end_other_sessions(request)
        messages.success(
            request,
            ngettext("%(count)s session ended.", "%(count)s sessions ended.", ended)
            % {"count": ended},
        )
        return redirect("usersessions_list")
    found = sessions.open_sessions(person, request.session.session_key)
    context = {
        "page_title": _("My sessions"),
        "sessions": found,
        "others": len([row for row in found if not row.is_current]),
        "idle_minutes": identity_settings.current().idle_minutes,
    }
    return render(request, "usersessions/usersession_list.html", context)


@guarded()
@require_POST
def end(request: HttpRequest, session: int) -> HttpResponse:
    """End one session of one's own; ending this one signs out."""
    person: Any = request.user
    current = request.session.session_key
    ended = sessions.end_session(person, session)
    if ended is None:
        raise Http404
    if ended == current:
        logout(request)
        return redirect(reverse("account_login"))
    messages.success(request, _("The session is ended."))
    return redirect("usersessions_list")
