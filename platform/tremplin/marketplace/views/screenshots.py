"""Pictures of a listing: shown to the spaces that may see the module, managed by the operator."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from tremplin.api import Problem
from tremplin.kernel.access import guarded
from tremplin.marketplace import catalogue, screenshots
from tremplin.marketplace.forms import ScreenshotForm
from tremplin.marketplace.hq import hq_only
from tremplin.marketplace.models import Listing, Screenshot
from tremplin.marketplace.views.listings import listing_page

SECONDS = 24 * 3600


def _answer(request: HttpRequest, slug: str, screenshot: UUID) -> HttpResponse:
    found = get_object_or_404(Screenshot, pk=screenshot, listing_id=slug)
    tag = f'"{found.sha256[:32]}"'
    if request.headers.get("If-None-Match") == tag:
        answer = HttpResponse(status=304)
    else:
        answer = HttpResponse(bytes(found.content), content_type="image/webp")
    answer.headers["ETag"] = tag
    answer.headers["Cache-Control"] = f"private, max-age={SECONDS}"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@require_safe
@guarded(permission="portal.modules")
def show(request: HttpRequest, slug: str, screenshot: UUID) -> HttpResponse:
    """Send one picture of a module that this space may see."""
    if catalogue.card_of(request.tenant, slug) is None:
        raise Http404
    return _answer(request, slug, screenshot)


@require_safe
@hq_only
@guarded(permission="marketplace.review")
def review(request: HttpRequest, slug: str, screenshot: UUID) -> HttpResponse:
    """Send one picture to the operator, whatever the state of its listing."""
    return _answer(request, slug, screenshot)


@require_POST
@hq_only
@guarded(permission="marketplace.review")
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a picture to a listing."""
    listing = get_object_or_404(Listing.objects.select_related("publisher"), pk=slug)
    form = ScreenshotForm(request.POST, request.FILES)
    if not form.is_valid():
        return listing_page(request, listing, 422, screenshot_form=form)
    try:
        screenshots.add(
            listing,
            form.cleaned_data["picture"].read(),
            alt_en=form.cleaned_data["alt_en"],
            alt_fr=form.cleaned_data["alt_fr"],
            language=form.cleaned_data["language"],
        )
    except Problem as problem:
        form.add_error("picture", problem.detail)
        return listing_page(request, listing, problem.status, screenshot_form=form)
    messages.success(request, gettext("The picture is in the listing."))
    return redirect("marketplace:listing", slug=slug)


@require_POST
@hq_only
@guarded(permission="marketplace.review")
def change(request: HttpRequest, slug: str, screenshot: UUID) -> HttpResponse:
    """Remove a picture, or move it one place up or down."""
    listing = get_object_or_404(Listing, pk=slug)
    get_object_or_404(Screenshot.objects.only("pk"), pk=screenshot, listing=listing)
    action = request.POST.get("action")
    if action == "remove":
        screenshots.remove(listing, screenshot)
        messages.success(request, gettext("The picture is removed."))
    elif action in {"up", "down"}:
        screenshots.shift(listing, screenshot, -1 if action == "up" else 1)
    return redirect("marketplace:listing", slug=slug)
