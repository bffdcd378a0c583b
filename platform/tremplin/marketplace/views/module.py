"""One module: what it does with data and AI, what it costs, its trial, switching, settings, opinions."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_POST

from tremplin.api import Problem
from tremplin.billing import cards, overview
from tremplin.kernel import audit, registry, settings_store
from tremplin.kernel.access import guarded
from tremplin.kernel.registry import PluginEntry
from tremplin.kernel.settings_store.forms import settings_form
from tremplin.licensing import services as licensing
from tremplin.licensing.models import License
from tremplin.marketplace import (
    catalogue,
    compatibility,
    datasheet,
    quality,
    screenshots,
    services,
)
from tremplin.marketplace.catalogue import ModuleCard
from tremplin.marketplace.forms import RatingForm
from tremplin.marketplace.models import Listing, ListingVersion, Rating


def found(request: HttpRequest, slug: str) -> tuple[PluginEntry, ModuleCard]:
    """Return a module that this space may see; 404 for any other."""
    entry = registry.get(slug)
    card = catalogue.card_of(request.tenant, slug)
    if entry is None or entry.manifest is None or card is None:
        raise Http404
    return entry, card


def _working(request: HttpRequest, slug: str) -> tuple[PluginEntry, ModuleCard]:
    entry, card = found(request, slug)
    if entry.status != "ok":
        raise Http404
    return entry, card


def _context(
    request: HttpRequest,
    entry: PluginEntry,
    card: ModuleCard,
    *,
    form: forms.Form | None = None,
    rating_form: RatingForm | None = None,
) -> dict[str, Any]:
    language = get_language() or "en"
    manifest = entry.manifest
    assert manifest is not None  # noqa: S101  found looked
    listing = catalogue.listing_of(entry.slug)
    if form is None and manifest.settings is not None and entry.status == "ok":
        form = settings_form(manifest.settings, request.tenant, entry.slug)
    findings = compatibility.check(request.tenant, entry, listing)
    ratings = Rating.objects.filter(listing_id=entry.slug, is_hidden=False)
    own = Rating.objects.filter(listing_id=entry.slug, tenant_id=request.tenant.pk).first()
    if rating_form is None:
        initial = {"stars": own.stars, "text": own.text} if own is not None else {}
        rating_form = RatingForm(initial=initial)
    can_buy = request.ctx.can("billing.manage") and all(item.ok for item in findings)
    text = ""
    if listing is not None:
        text = listing.text_fr if language.startswith("fr") else listing.text_en
    return {
        "module": card,
        "listing": listing,
        "text": text,
        "screenshots": screenshots.for_reader(listing, language) if listing is not None else [],
        "sheet": datasheet.of(manifest, language),
        "permissions": [
            {"label": item.label.in_language(language)} for item in manifest.permissions
        ],
        "languages": [
            {"en": gettext("English"), "fr": gettext("French")}.get(c, c)
            for c in manifest.languages
        ],
        "licence_name": manifest.license,
        "works_with": [cards.module_name(slug) for slug in manifest.works_with],
        "findings": findings,
        "blockers": _blockers(request, findings),
        "can_try": can_start(card, findings),
        "can_buy_alone": can_buy and card.on_sale and not has_for_good(card),
        "can_buy_plan": can_buy,
        "subscription": overview.plan_subscription(request.tenant),
        "own_plans": cards.plan_cards(request.tenant, module=entry.slug),
        "plans": cards.plans_with_module(request.tenant, entry.slug),
        "trial_days": licensing.TRIAL_DAYS,
        "tier": quality.tier_name(card.quality),
        **_examined(card, listing),
        "versions": [_notes(version, language) for version in listing.versions.all()[:10]]
        if listing is not None
        else [],
        "ratings": ratings[:50],
        "own_rating": own,
        "rating_form": rating_form if card.licence is not None else None,
        "form": form,
        "can_export": request.ctx.can("operations.export"),
    }


def _examined(card: ModuleCard, listing: Listing | None) -> dict[str, Any]:
    """Return the report of the contract suite, rule by rule, when the version has a tier."""
    if not card.quality or listing is None:
        return {"report": None, "rules": []}
    report = quality.Report.from_json(listing.quality_report)
    rules = [
        {"number": number, "outcome": outcome, "text": quality.rule_name(number)}
        for number, outcome in sorted(report.rules.items())
    ]
    return {"report": report, "rules": rules}


def _notes(version: ListingVersion, language: str) -> dict[str, Any]:
    """Return a version with what changed, one entry per point of its change log."""
    own = version.changes_fr if language.startswith("fr") else version.changes_en
    text = own or version.changes_en
    points = [" ".join(point.split()) for point in re.split(r"(?m)^\s*[-*]\s+", text)]
    return {
        "version": version.version,
        "released_at": version.released_at,
        "notes": [point for point in points if point],
        "lang": "" if own else "en",
    }


def _blockers(request: HttpRequest, findings: list[compatibility.Finding]) -> list[dict[str, str]]:
    """Return what stands in the way, with the module to go to where the space may see it."""
    blocking = [item for item in findings if not item.ok]
    if not blocking:
        return []
    seen = {card.slug for card in catalogue.cards_of(request.tenant)}
    return [
        {"text": item.text, "link": item.module if item.module in seen else ""} for item in blocking
    ]


def has_for_good(card: ModuleCard) -> bool:
    """Tell whether the space has the module otherwise than for a trial: no need to buy it again."""
    return card.licence is not None and card.licence.source != License.Source.TRIAL


def can_start(card: ModuleCard, findings: list[compatibility.Finding]) -> bool:
    """Tell whether the button of the trial is of use."""
    return (
        card.on_sale
        and not card.trial_used
        and card.licence is None
        and all(item.ok for item in findings)
    )


@guarded(permission="portal.modules")
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one module."""
    entry, card = found(request, slug)
    return render(request, "marketplace/module.html", _context(request, entry, card))


@require_POST
@guarded(permission="portal.modules")
def start_trial(request: HttpRequest, slug: str) -> HttpResponse:
    """Start the trial of a module, once per space, and switch it on."""
    _entry, card = _working(request, slug)
    try:
        held = services.start_trial(request.tenant, slug)
    except Problem as problem:
        messages.error(request, problem.detail)
        return redirect("marketplace:module", slug=slug)
    assert held.valid_until is not None  # noqa: S101  a trial has an end
    audit.record(
        "modules.trial_started", target=slug, data={"until": held.valid_until.date().isoformat()}
    )
    messages.success(
        request,
        gettext("%(module)s is on trial until %(date)s.")
        % {"module": card.name, "date": date_format(localtime(held.valid_until), "DATE_FORMAT")},
    )
    return redirect("marketplace:module", slug=slug)


@require_POST
@guarded(permission="portal.modules")
def switch(request: HttpRequest, slug: str) -> HttpResponse:
    """Switch a licensed module on or off; data is kept either way."""
    _entry, card = _working(request, slug)
    try:
        if request.POST.get("state") == "off":
            services.switch_off(request.tenant, slug)
            audit.record("modules.switched_off", target=slug)
            text = gettext("%(module)s is off. Its data is kept.")
        else:
            services.switch_on(request.tenant, slug)
            audit.record("modules.switched_on", target=slug)
            text = gettext("%(module)s is on.")
    except Problem as problem:
        messages.error(request, problem.detail)
    else:
        messages.success(request, text % {"module": card.name})
    return redirect("marketplace:module", slug=slug)


@require_POST
@guarded(permission="portal.modules")
def save_settings(request: HttpRequest, slug: str) -> HttpResponse:
    """Save the settings of a module for this space; locked fields stay as they are."""
    entry, card = _working(request, slug)
    assert entry.manifest is not None  # noqa: S101  found looked
    if entry.manifest.settings is None:
        raise Http404
    form = settings_form(entry.manifest.settings, request.tenant, slug, data=request.POST)
    if not form.is_valid():
        context = _context(request, entry, card, form=form)
        return render(request, "marketplace/module.html", context, status=422)
    settings_store.write("tenant", request.tenant.pk, slug, form.changed_values())
    audit.record(
        "modules.settings_changed", target=slug, data={"fields": sorted(form.changed_data)}
    )
    messages.success(request, gettext("The settings are saved."))
    return redirect("marketplace:module", slug=slug)


@require_POST
@guarded(permission="portal.modules")
def rate(request: HttpRequest, slug: str) -> HttpResponse:
    """Store the opinion of the space, change it, or take it back."""
    entry, card = found(request, slug)
    if request.POST.get("withdraw"):
        services.withdraw_rating(request.tenant, slug)
        messages.success(request, gettext("Your opinion is withdrawn."))
        return redirect("marketplace:module", slug=slug)
    form = RatingForm(request.POST)
    if not form.is_valid():
        context = _context(request, entry, card, rating_form=form)
        return render(request, "marketplace/module.html", context, status=422)
    try:
        services.rate(
            request.tenant,
            slug,
            by=request.ctx.person.id,
            stars=form.cleaned_data["stars"],
            text=form.cleaned_data["text"],
        )
    except Problem as problem:
        messages.error(request, problem.detail)
    else:
        messages.success(request, gettext("Thank you: your opinion helps other spaces choose."))
    return redirect("marketplace:module", slug=slug)
