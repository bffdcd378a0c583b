"""Pages of privacy."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_POST

from tremplin.kernel.access import guarded
from tremplin.privacy import selectors, services


@guarded()
def mine(request: HttpRequest) -> HttpResponse:
    """Show what the space keeps about the signed-in person, her export and her erasure."""
    context = {
        "register": selectors.register(get_language() or "en"),
        "erasure": selectors.open_request(request.ctx.person.id),
        "grace_days": services.GRACE.days,
    }
    return render(request, "privacy/mine.html", context)


@require_POST
@guarded()
def export(request: HttpRequest) -> HttpResponse:
    """Download everything the space keeps about the signed-in person."""
    content = services.export_person(request.ctx.person.id)
    response = HttpResponse(content, content_type="application/zip")
    response["Content-Disposition"] = 'attachment; filename="my-data.zip"'
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@guarded()
def erasure(request: HttpRequest) -> HttpResponse:
    """Ask for the erasure of one's own account, or cancel it."""
    person = request.ctx.person.id
    if request.POST.get("action") == "cancel":
        services.cancel_erasure(person)
        messages.success(request, gettext("Your account stays."))
    elif request.user.pk == selectors.owner_id():
        messages.error(request, gettext("Hand the space over to another owner before you leave."))
    else:
        services.request_erasure(person)
        messages.success(
            request,
            gettext("Your account will be erased in %(days)s days. You can cancel until then.")
            % {"days": services.GRACE.days},
        )
    return redirect("privacy:mine")


@guarded(permission="privacy.view")
def register(request: HttpRequest) -> HttpResponse:
    """Show the processing register of the space."""
    context = {"register": selectors.register(get_language() or "en")}
    return render(request, "privacy/register.html", context)
