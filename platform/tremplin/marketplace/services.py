"""Writes of the marketplace: trial, switching, leaving, ratings, and the listings themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from tremplin.api import Problem, services
from tremplin.kernel import audit, clock, gate, registry
from tremplin.kernel.registry import PluginEntry
from tremplin.licensing import services as licensing
from tremplin.licensing.models import License
from tremplin.marketplace import catalogue, compatibility, quality, screenshots
from tremplin.marketplace.errors import NotCompatible, NotOnSale, RatingRefused, Stopped
from tremplin.marketplace.models import Listing, ListingVersion, Publisher, Rating
from tremplin.modules import purge

if TYPE_CHECKING:
    from tenants.registry import TenantInfo
    from tremplin.licensing.models import PlanVersion

OWN_NAME = "Tremplin"


# --- a space and its modules ---------------------------------------------------------------------


def require_sellable(tenant: TenantInfo, slug: str) -> PluginEntry:
    """Return the module when this space may try or buy it now.

    Raises ``NotOnSale`` (delisted, or hidden by the reseller), ``Stopped`` or ``NotCompatible``.
    """
    entry = registry.get(slug)
    if entry is None or entry.manifest is None:
        raise NotOnSale(slug)
    listing = catalogue.listing_of(slug)
    if listing is not None and listing.stopped_at is not None:
        raise Stopped(slug)
    if not catalogue.is_on_sale(entry, listing) or catalogue.is_hidden(tenant, slug):
        raise NotOnSale(slug)
    reasons = compatibility.problems(tenant, entry, listing)
    if reasons:
        raise NotCompatible(slug, reasons)
    return entry


def guard_sale(tenant: TenantInfo, version: PlanVersion) -> None:
    """Refuse the sale of a module's plan that the marketplace does not sell (for billing)."""
    if version.plan.module:
        require_sellable(tenant, version.plan.module)


def start_trial(tenant: TenantInfo, slug: str) -> License:
    """Try a module for 14 days, once ever, and switch it on.

    Raises ``TrialUsed`` and what ``require_sellable`` raises.
    """
    entry = require_sellable(tenant, slug)
    days = _trial_days(tenant, entry.slug)
    with transaction.atomic():
        held = licensing.start_trial(tenant, slug, days=days)
        gate.activate(tenant, slug)
    return held


def _trial_days(tenant: TenantInfo, slug: str) -> int:
    """Return the days of the trial: those of the module's plan, 14 without one."""
    from tremplin.billing import cards

    found = [card.version.trial_days for card in cards.plan_cards(tenant, module=slug)]
    return max(found, default=0) or licensing.TRIAL_DAYS


def switch_on(tenant: TenantInfo, slug: str) -> None:
    """Switch a licensed module on. Raises ``Problem`` when something is missing."""
    listing = catalogue.listing_of(slug)
    if listing is not None and listing.stopped_at is not None:
        raise Stopped(slug)
    gate.activate(tenant, slug)


def switch_off(tenant: TenantInfo, slug: str) -> None:
    """Switch a module off; its data stays."""
    gate.deactivate(tenant, slug)


def uninstall(tenant: TenantInfo, slug: str) -> datetime:
    """Announce the end of a module: read-only for 30 days, then its data goes. Return that day.

    The data is exported before it goes. Raises ``Problem`` 409 while another module needs it.
    """
    users = [
        entry.slug
        for entry in registry.installed()
        if entry.manifest is not None
        and slug in entry.manifest.requires
        and gate.mode(tenant, entry.slug) != "off"
    ]
    if users:
        from django.utils.translation import gettext as _

        raise Problem(
            409,
            "module_required_by",
            _("Another module needs this one: switch that one off first."),
            {"modules": users},
        )
    day = purge.announce(tenant, slug)
    with services.tenancy().use(tenant):
        audit.record(
            "marketplace.uninstalled", target=f"module:{slug}", data={"purge_at": day.isoformat()}
        )
    return day


def keep(tenant: TenantInfo, slug: str) -> bool:
    """Take the uninstallation back before its day; return whether one was announced."""
    kept = purge.cancel(tenant, slug)
    if kept:
        with services.tenancy().use(tenant):
            audit.record("marketplace.kept", target=f"module:{slug}")
    return kept


# --- opinions ------------------------------------------------------------------------------------


def rate(tenant: TenantInfo, slug: str, *, by: UUID, stars: int, text: str = "") -> Rating:
    """Store the opinion of a space, its only one: a second time changes it.

    Raises ``RatingRefused`` without a licence and ``ValueError`` outside 1 to 5 stars.
    """
    if not 1 <= stars <= 5:
        raise ValueError("a rating has 1 to 5 stars")
    card = catalogue.card_of(tenant, slug)
    if card is None or card.licence is None:
        raise RatingRefused(slug)
    with transaction.atomic(), services.tenancy().public_write("rating"):
        listing = _listing(slug)
        rating, _is_new = Rating.objects.update_or_create(
            listing=listing,
            tenant_id=tenant.pk,
            defaults={"author": by, "stars": stars, "text": text.strip()},
        )
        with services.tenancy().use(tenant):
            audit.record("marketplace.rated", target=f"module:{slug}", data={"stars": stars})
    return rating


def withdraw_rating(tenant: TenantInfo, slug: str) -> int:
    """Remove the opinion of a space; return how many there were."""
    with transaction.atomic(), services.tenancy().public_write("rating"):
        return Rating.objects.filter(listing_id=slug, tenant_id=tenant.pk).delete()[0]


@transaction.atomic
def save_publisher(publisher: Publisher, changed: Sequence[str]) -> None:
    """Store the contacts and the share of a publisher; ``changed`` names the fields, audited."""
    with services.tenancy().public_write("publisher"):
        publisher.save(update_fields=list(changed))
    audit.record(
        "marketplace.publisher_changed",
        target=f"publisher:{publisher.pk}",
        data={"fields": sorted(changed), "share_percent": str(publisher.share_percent)},
    )


def answer(rating: Rating, text: str) -> Rating:
    """Store the publisher's answer under an opinion; an empty text removes it."""
    with transaction.atomic(), services.tenancy().public_write("rating"):
        rating.answer = text.strip()
        rating.answered_at = clock.now() if rating.answer else None
        rating.save(update_fields=["answer", "answered_at", "updated_at"])
    return rating


def _listing(slug: str) -> Listing:
    found = catalogue.listing_of(slug)
    if found is None:
        sync()
        found = Listing.objects.get(pk=slug)
    return found


# --- listings from what is installed -------------------------------------------------------------


def sync() -> list[str]:
    """Bring the listings up to date with the installed manifests; return what was added.

    A module of the platform is published at once: it was reviewed with the platform. One of another
    publisher waits as a draft. Texts, tags and states that people wrote are never touched.
    """
    added: list[str] = []
    with transaction.atomic(), services.tenancy().public_write("listings"):
        for entry in registry.plugins():
            if entry.manifest is not None:
                added += _sync_one(entry)
    return added


def is_current() -> bool:
    """Tell whether every installed version has its row (two queries)."""
    known = set(ListingVersion.objects.values_list("listing_id", "version"))
    return all(
        (entry.slug, entry.manifest.version) in known
        for entry in registry.plugins()
        if entry.manifest is not None
    )


def _sync_one(entry: PluginEntry) -> list[str]:
    manifest = entry.manifest
    assert manifest is not None  # noqa: S101  the caller looked
    is_ours = manifest.publisher == catalogue.OURS
    publisher, _is_new = Publisher.objects.get_or_create(
        slug=manifest.publisher[:40],
        defaults={"name": OWN_NAME if is_ours else manifest.publisher},
    )
    now = clock.now()
    listing, is_new = Listing.objects.get_or_create(
        module=entry.slug,
        defaults={
            "publisher": publisher,
            "state": Listing.State.PUBLISHED if is_ours else Listing.State.DRAFT,
            "published_at": now if is_ours else None,
            "text_en": _shipped_text(entry, "LISTING.md"),
            "text_fr": _shipped_text(entry, "LISTING.fr.md"),
        },
    )
    _version, is_new_version = ListingVersion.objects.get_or_create(
        listing=listing,
        version=manifest.version,
        defaults={
            "api_range": manifest.api,
            "changes_en": changes_of(entry, manifest.version),
            "changes_fr": changes_of(entry, manifest.version, "CHANGELOG.fr.md"),
            "released_at": now,
        },
    )
    if is_new_version:
        screenshots.take_shipped(entry, listing, is_ours=is_ours)
        if is_ours:
            _take_report(entry, listing)
    if is_new:
        return [entry.slug]
    return [f"{entry.slug} {manifest.version}"] if is_new_version else []


def _shipped_text(entry: PluginEntry, name: str) -> str:
    """Return the presentation in a module's package, empty without one; people may rewrite it."""
    folder = screenshots.package_folder(entry)
    path = folder / name if folder is not None else None
    return path.read_text(encoding="utf-8").strip() if path and path.is_file() else ""


def _take_report(entry: PluginEntry, listing: Listing) -> None:
    """Store the report that a module of the platform ships, when it is of the installed version.

    That of another publisher is made here by the operator: a publisher does not grade itself.
    """
    folder = screenshots.package_folder(entry)
    if folder is None or entry.manifest is None:
        return
    report = quality.read_shipped(folder)
    if report is not None and report.version == entry.manifest.version:
        _store(listing, report)


def changes_of(entry: PluginEntry, version: str, name: str = "CHANGELOG.md") -> str:
    """Return the part of a module's change log about one version, empty without one."""
    folder = screenshots.package_folder(entry)
    if folder is None:
        return ""
    for path in (folder / name, folder.parent / name):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            head = rf"^##\s*\[?{re.escape(version)}\]?[^\n]*\n(.*?)(?=^## |\Z)"
            found = re.search(head, text, re.M | re.S)
            if found:
                return found[1].strip()
    return ""


def store_report(slug: str, report: quality.Report) -> str:
    """Store the report of the contract suite for a module and return its tier."""
    with transaction.atomic(), services.tenancy().public_write("quality"):
        return _store(_listing(slug), report)


def _store(listing: Listing, report: quality.Report) -> str:
    listing.quality = quality.tier_of(report)
    listing.quality_report = {**report.as_json(), "at": clock.now().isoformat()}
    listing.save(update_fields=["quality", "quality_report", "updated_at"])
    return listing.quality
