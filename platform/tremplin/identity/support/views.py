"""The pages of a visit in the space that is viewed, and the space's own page about visits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from tremplin.identity import identity_settings
from tremplin.identity.backends import RoleBackend
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import SupportAccess
from tremplin.identity.services import is_owner
from tremplin.identity.support import consent, ending, opening, running
from tremplin.identity.support.middleware import ENDED, leave
from tremplin.kernel.access import guarded
from tremplin.kernel.settings_store import LockedSetting

BACKEND = "tremplin.identity.backends.RoleBackend"
PAGE_SIZE = 25
MANAGE = "identity.manage_security"


def _why(cause: str) -> str:
    return {
        "stopped": _("You stopped the visit."),
        "ended": _("The visit was closed."),
        "expired": _("The thirty minutes of the visit are over."),
        "switched_off": _("The space no longer allows support access."),
        "person": _("The account that was viewed is closed."),
        "viewer": _("Your account no longer allows visits."),
        "session": _("The session from which you came has ended."),
        "link": _("This link no longer works: it opens one visit, once, within a minute."),
    }.get(cause, _("The visit is over."))


@guarded(anonymous=True)
@never_cache
@require_GET
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Open the visit of a link and show the space as the person chosen."""
    former = getattr(request, "support_visit", None)
    visit = opening.redeem(token, request.META.get("REMOTE_ADDR", ""))
    if visit is None:
        return _over(request, {"cause": "link", "url": ""}, status=410)
    if former is not None:
        leave(request, former, "stopped")
    person: Any = RoleBackend().get_user(visit.person_id)
    request.session.flush()
    # Not ``login``: a visit is no sign-in of the person, and her last one keeps its date.
    request.session[SESSION_KEY] = str(person.pk)
    request.session[BACKEND_SESSION_KEY] = BACKEND
    request.session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    request.session[running.SESSION_NAME] = str(visit.pk)
    request.session.set_expiry(int(opening.VISIT_LIFE.total_seconds()))
    rotate_token(request)
    rights = RoleBackend().get_all_permissions(person)
    return redirect("portal:console" if "portal.console" in rights else "portal:app")


@guarded(anonymous=True)
@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    """End the visit and go back to the page it was started from."""
    visit = getattr(request, "support_visit", None)
    if visit is None:
        return redirect("support:ended")
    url = ending.return_url(visit)
    leave(request, visit, "stopped")
    return redirect(url)


@guarded(anonymous=True)
@never_cache
@require_GET
def ended(request: HttpRequest) -> HttpResponse:
    """Say why the visit is over, and lead back."""
    return _over(request, request.session.get(ENDED) or {"cause": "", "url": ""})


def _over(request: HttpRequest, facts: dict[str, str], status: int = 200) -> HttpResponse:
    context = {
        "page_title": _("The visit is over"),
        "why": _why(facts["cause"]),
        "url": facts["url"],
    }
    return render(request, "identity/support/ended.html", context, status=status)


@guarded(MANAGE)
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show the switch, the visits that run, and those that are over."""
    now = timezone.now()
    opened = SupportAccess.objects.exclude(opened_at=None).select_related("person")
    past = Paginator(
        opened.exclude(ended_at=None, expires_at__gt=now).order_by("-opened_at", "id"), PAGE_SIZE
    ).get_page(request.GET.get("page"))
    context = {
        "page_title": _("Support access"),
        "allowed": identity_settings.current().support_access,
        "is_owner": is_owner(request.user),  # type: ignore[arg-type]
        "running": list(opened.filter(ended_at=None, expires_at__gt=now)),
        "page": past,
    }
    return render(request, "identity/support/page.html", context)


@guarded(MANAGE)
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Allow visits, or withdraw the consent."""
    allowed = request.POST.get("allowed") == "1"
    try:
        consent.set_consent(request.tenant, allowed=allowed, by=request.user.pk)  # type: ignore[attr-defined]
    except IdentityError as error:
        messages.error(request, str(error))
    except LockedSetting:
        messages.error(request, _("This choice is made for all spaces of your reseller."))
    else:
        messages.success(
            request,
            _("Support access is allowed.")
            if allowed
            else _("Support access is off: no visit runs any more."),
        )
    return redirect("people:support_access")


@guarded(MANAGE)
@require_POST
def end(request: HttpRequest, visit: UUID) -> HttpResponse:
    """Close a visit that runs."""
    row = SupportAccess.objects.filter(pk=visit).first()
    if row is None:
        raise Http404
    if ending.finish(row, "closed"):
        messages.success(request, _("The visit is closed."))
    else:
        messages.info(request, _("This visit was over already."))
    return redirect("people:support_access")
