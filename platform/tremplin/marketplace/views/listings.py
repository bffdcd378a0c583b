"""The operator's side: review, delisting, security stop, publishers and their statements."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language, gettext, ngettext
from django.views.decorators.http import require_POST

from tremplin.api import Problem, services
from tremplin.billing.cards import module_name
from tremplin.kernel import clock, registry
from tremplin.kernel.access import guarded
from tremplin.marketplace import quality, reviewing, screenshots, statements
from tremplin.marketplace import services as marketplace
from tremplin.marketplace.forms import (
    AnswerForm,
    PublisherForm,
    ScreenshotForm,
    StepForm,
    StopForm,
    TextsForm,
)
from tremplin.marketplace.hq import hq_only
from tremplin.marketplace.models import Listing, Publisher, Rating


def _listing(slug: str) -> Listing:
    return get_object_or_404(Listing.objects.select_related("publisher"), pk=slug)


@hq_only
@guarded(permission="marketplace.review")
def index(request: HttpRequest) -> HttpResponse:
    """List every listing with its state, its tier and who waits for whom."""
    language = get_language() or "en"
    rows = []
    for listing in Listing.objects.select_related("publisher").order_by("state", "module"):
        entry = registry.get(listing.pk)
        manifest = entry.manifest if entry is not None else None
        rows.append(
            {
                "listing": listing,
                "name": manifest.name.in_language(language) if manifest else listing.pk,
                "version": manifest.version if manifest else "",
                "status": entry.status if entry is not None else "",
                "tier": quality.tier_name(listing.quality if reviewing.has_passed(listing) else ""),
                "holders": reviewing.holders(listing),
            }
        )
    publishers = Publisher.objects.order_by("name")
    return render(request, "marketplace/listings.html", {"rows": rows, "publishers": publishers})


@require_POST
@hq_only
@guarded(permission="marketplace.review")
def sync(request: HttpRequest) -> HttpResponse:
    """Bring the listings up to date with what is installed."""
    added = marketplace.sync()
    if added:
        messages.success(request, gettext("Added: %(names)s.") % {"names": ", ".join(added)})
    else:
        messages.info(request, gettext("Everything was there already."))
    return redirect("marketplace:listings")


def listing_page(
    request: HttpRequest, listing: Listing, status: int = 200, **changed: object
) -> HttpResponse:
    """Show a listing with its steps; ``changed`` holds the form that came back with errors."""
    entry = registry.get(listing.pk)
    manifest = entry.manifest if entry is not None else None
    report = quality.Report.from_json(listing.quality_report)
    context = {
        "listing": listing,
        "name": module_name(listing.pk),
        "manifest": manifest,
        "entry": entry,
        "has_passed": reviewing.has_passed(listing),
        "report": report if report.rules else None,
        "tier": quality.tier_name(listing.quality),
        "steps": listing.steps.all(),
        "versions": listing.versions.all(),
        "ratings": listing.ratings.all(),
        "holders": reviewing.holders(listing),
        "screenshots": screenshots.every(listing),
        "screenshot_form": ScreenshotForm(),
        "step_form": StepForm(listing=listing),
        "stop_form": StopForm(),
        "texts_form": TextsForm(instance=listing),
        **changed,
    }
    return render(request, "marketplace/listing.html", context, status=status)


@hq_only
@guarded(permission="marketplace.review")
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one listing: facts, checks, history, and the steps that are possible."""
    return listing_page(request, _listing(slug))


@require_POST
@hq_only
@guarded(permission="marketplace.review")
def move(request: HttpRequest, slug: str) -> HttpResponse:
    """Take one step of the review."""
    listing = _listing(slug)
    form = StepForm(request.POST, listing=listing)
    if not form.is_valid():
        return listing_page(request, listing, 422, step_form=form)
    try:
        moved = reviewing.move(
            listing,
            form.cleaned_data["state"],
            by=request.ctx.person.id,
            note=form.cleaned_data["note"].strip(),
        )
    except Problem as problem:
        form.add_error(None, problem.detail)
        return listing_page(request, listing, problem.status, step_form=form)
    messages.success(
        request, gettext("The listing is now: %(state)s.") % {"state": moved.get_state_display()}
    )
    return redirect("marketplace:listing", slug=slug)


@require_POST
@hq_only
@guarded(permission="marketplace.review")
def texts(request: HttpRequest, slug: str) -> HttpResponse:
    """Save the texts and tags of a listing."""
    listing = _listing(slug)
    form = TextsForm(request.POST, instance=listing)
    with services.tenancy().public_write("listing"):
        if not form.is_valid():
            return listing_page(request, _listing(slug), 422, texts_form=form)
        listing.tags = form.cleaned_data["tags"]
        listing.save(update_fields=["text_en", "text_fr", "tags", "updated_at"])
    messages.success(request, gettext("The texts are saved."))
    return redirect("marketplace:listing", slug=slug)


@require_POST
@hq_only
@guarded(permission="marketplace.review")
def stop(request: HttpRequest, slug: str) -> HttpResponse:
    """Switch a module off everywhere, for security."""
    listing = _listing(slug)
    form = StopForm(request.POST)
    if not form.is_valid():
        return listing_page(request, listing, 422, stop_form=form)
    many = reviewing.stop(listing, by=request.ctx.person.id, reason=form.cleaned_data["reason"])
    messages.success(
        request,
        ngettext(
            "The module is off everywhere; %(n)s space had it and was told.",
            "The module is off everywhere; %(n)s spaces had it and were told.",
            many,
        )
        % {"n": many},
    )
    return redirect("marketplace:listing", slug=slug)


@require_POST
@hq_only
@guarded(permission="marketplace.review")
def release(request: HttpRequest, slug: str) -> HttpResponse:
    """Give a stopped module back."""
    reviewing.release(_listing(slug), by=request.ctx.person.id)
    messages.success(request, gettext("The security stop is lifted."))
    return redirect("marketplace:listing", slug=slug)


@require_POST
@hq_only
@guarded(permission="marketplace.review")
def answer(request: HttpRequest, slug: str, rating: UUID) -> HttpResponse:
    """Store the publisher's answer under an opinion."""
    found = get_object_or_404(Rating, pk=rating, listing_id=slug)
    form = AnswerForm(request.POST)
    if form.is_valid():
        marketplace.answer(found, form.cleaned_data["text"])
        messages.success(request, gettext("The answer is saved."))
    return redirect("marketplace:listing", slug=slug)


@hq_only
@guarded(permission="marketplace.review")
def publisher(request: HttpRequest, publisher: str) -> HttpResponse:
    """Show a publisher: contacts, share, modules, the statement of a month."""
    found = get_object_or_404(Publisher, pk=publisher)
    form = PublisherForm(request.POST or None, instance=found)
    status = 200
    if request.method == "POST":
        with services.tenancy().public_write("publisher"):
            saved = form.is_valid()
        if saved:
            if form.changed_data:
                marketplace.save_publisher(form.instance, form.changed_data)
            messages.success(request, gettext("The publisher is saved."))
            return redirect("marketplace:publisher", publisher=publisher)
        found = get_object_or_404(Publisher, pk=publisher)
        status = 422
    month = _month(request)
    context = {
        "publisher": found,
        "form": form,
        "statement": statements.of(found, month),
        "listings": found.listings.all(),
        "month": month,
    }
    return render(request, "marketplace/publisher.html", context, status=status)


@hq_only
@guarded(permission="marketplace.review")
def statement(request: HttpRequest, publisher: str) -> HttpResponse:
    """Send the statement of a month as CSV."""
    found = get_object_or_404(Publisher, pk=publisher)
    month = _month(request)
    answer = HttpResponse(
        statements.as_csv(statements.of(found, month)), content_type="text/csv; charset=utf-8"
    )
    answer.headers["Content-Disposition"] = (
        f'attachment; filename="statement-{found.pk}-{month:%Y-%m}.csv"'
    )
    return answer


def _month(request: HttpRequest) -> date:
    """Return the first day of the asked month (``2026-11``), of the present one by default."""
    text = request.GET.get("month", "")
    if not text:
        return clock.today(request.tenant.timezone).replace(day=1)
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise Http404 from None
    if not 2000 <= found.year < 3000:
        raise Http404
    return found
