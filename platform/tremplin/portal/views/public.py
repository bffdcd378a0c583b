"""Pages of a space that need no sign-in."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from tenants.branding import support
from tremplin.kernel.access import guarded


@guarded(anonymous=True)
def home(request: HttpRequest) -> HttpResponse:
    """Show the front page of the space; signed-in people go to their own home."""
    if request.ctx.person is not None:
        return redirect("portal:app")
    hq = request.tenant.kind == "hq"
    template = "portal/pages/home_hq.html" if hq else "portal/pages/home.html"
    return render(request, template, {})


@guarded(anonymous=True)
def help_page(request: HttpRequest) -> HttpResponse:
    """Show the help page, at the same address and in the same place on every page.

    Those who run the space also read who helps them first: its reseller, or the platform.
    """
    ctx = request.ctx
    runs_it = ctx.person is not None and ctx.can("billing.view")
    context = {
        "support_email": support.for_people(request.tenant),
        "first_level": support.first_level(request.tenant) if runs_it else None,
    }
    return render(request, "portal/pages/help.html", context)


@guarded(anonymous=True)
def styleguide(request: HttpRequest) -> HttpResponse:
    """Show every component in every state (development only)."""
    if not settings.DEBUG and settings.MODE != "test":
        raise Http404
    return render(request, "portal/pages/styleguide.html", {})
