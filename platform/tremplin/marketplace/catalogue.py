"""The modules as a space finds them: texts, state, price, opinion; filtered and sorted."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Avg, Count
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tremplin.billing import cards
from tremplin.billing.cards import PlanCard
from tremplin.billing.models import HiddenModule
from tremplin.billing.pricing import Offer, book_of
from tremplin.kernel import gate, registry
from tremplin.kernel.registry import PluginEntry
from tremplin.licensing.models import License, Trial
from tremplin.marketplace.models import Listing, Publisher, Rating

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

OURS = "tremplin"
STATES = ("on", "trial", "stopped", "read_only", "leaving", "ended", "off", "unavailable")
PRICES = ("free", "paid", "plan")


@dataclass(frozen=True, slots=True)
class ModuleCard:
    """A module as the console of one space shows it, in the reader's language."""

    slug: str
    name: str
    summary: str
    category: str
    icon: str
    version: str
    publisher: str
    publisher_slug: str
    available: bool
    on_sale: bool
    state: gate.ModuleStateInfo | None
    status: str
    quality: str
    stars: float | None
    ratings: int
    cheapest: Offer | None
    plans: tuple[str, ...]
    tags: tuple[str, ...]
    licence: License | None
    trial_used: bool

    @property
    def on(self) -> bool:
        """Tell whether people of the space can use it."""
        return self.status in {"on", "trial"}

    @property
    def price_kind(self) -> str:
        """Return how it is had: ``free``, ``paid`` alone, or with a ``plan``."""
        if self.cheapest is not None:
            return "paid" if self.cheapest.amount_minor else "free"
        return "plan" if self.plans else "free"

    @property
    def is_licensed(self) -> bool:
        """Tell whether the space has a right to it now."""
        return (
            self.state is not None
            and self.state.licensed_mode != "off"
            and self.status
            not in {
                "ended",
                "leaving",
            }
        )


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader looks for; empty fields do not filter."""

    text: str = ""
    category: str = ""
    price: str = ""
    publisher: str = ""
    quality: str = ""
    state: str = ""

    @property
    def is_empty(self) -> bool:
        """Tell whether everything is shown."""
        return self == Filters()


def status_of(state: gate.ModuleStateInfo | None, licence: License | None) -> str:
    """Return one word for where a module stands in a space."""
    if state is None:
        return "off"
    if state.quarantined:
        return "unavailable"
    if state.purge_at is not None:
        return "leaving"
    if not state.activated:
        return "off" if state.first_activated_at is None else "stopped"
    if state.mode == "read_only":
        return "read_only"
    if state.mode == "off":
        return "ended"
    if licence is not None:
        return "trial" if licence.source == License.Source.TRIAL else "on"
    return "trial" if state.licensed_until else "on"


def cards_of(tenant: TenantInfo) -> list[ModuleCard]:
    """Return every module that this space may see: on sale, or had already."""
    states = gate.states(tenant)
    listings = {row.pk: row for row in Listing.objects.select_related("publisher")}
    licences = _licences(tenant)
    tried = set(Trial.objects.filter(tenant_id=tenant.pk).values_list("module", flat=True))
    hidden = _hidden(tenant)
    opinions = _opinions()
    offers = cards.plan_cards(tenant, module=None)
    found = []
    for entry in registry.plugins():
        if entry.manifest is None:
            continue
        listing = listings.get(entry.slug)
        held = licences.get(entry.slug)
        state = states.get(entry.slug)
        on_sale = is_on_sale(entry, listing) and entry.slug not in hidden
        known = held is not None or (state is not None and state.first_activated_at is not None)
        if not on_sale and not known:
            continue
        found.append(
            _card(
                entry,
                listing,
                state,
                held,
                offers,
                opinions.get(entry.slug),
                on_sale=on_sale,
                trial_used=entry.slug in tried,
            )
        )
    return found


def card_of(tenant: TenantInfo, slug: str) -> ModuleCard | None:
    """Return one module of the catalogue of a space, or None when it may not see it."""
    return next((card for card in cards_of(tenant) if card.slug == slug), None)


def search(found: Sequence[ModuleCard], filters: Filters) -> list[ModuleCard]:
    """Return the cards that match every filter; words are looked for without accents."""
    words = _plain(filters.text).split()
    return [
        card
        for card in found
        if (not filters.category or card.category == filters.category)
        and (not filters.price or card.price_kind == filters.price)
        and (not filters.publisher or card.publisher_slug == filters.publisher)
        and (not filters.quality or card.quality == filters.quality)
        and (not filters.state or card.status == filters.state)
        and all(word in _haystack(card) for word in words)
    ]


def listing_of(slug: str) -> Listing | None:
    """Return the listing of a module, None before the first synchronisation."""
    return Listing.objects.select_related("publisher").filter(pk=slug).first()


def is_on_sale(entry: PluginEntry, listing: Listing | None) -> bool:
    """Tell whether new sales may happen: our own modules from the start, others once published."""
    if listing is None:
        return entry.manifest is not None and entry.manifest.publisher == OURS
    return listing.state == Listing.State.PUBLISHED and listing.stopped_at is None


def is_hidden(tenant: TenantInfo, slug: str) -> bool:
    """Tell whether the reseller of a space keeps a module from its clients."""
    return slug in _hidden(tenant)


def category_name(code: str) -> str:
    """Return the name of a category."""
    return {
        "learn": _("Learning"),
        "work": _("Employment"),
        "community": _("Community"),
        "manage": _("Management"),
    }.get(code, code)


def status_name(code: str) -> str:
    """Return the name of a state."""
    return {
        "on": _("On"),
        "trial": _("On trial"),
        "stopped": _("Switched off"),
        "read_only": _("Read only"),
        "leaving": _("Being uninstalled"),
        "ended": _("Licence ended"),
        "off": _("Not used yet"),
        "unavailable": _("Unavailable"),
    }[code]


def price_name(code: str) -> str:
    """Return the name of a way to have a module."""
    return {
        "free": _("Free"),
        "paid": _("Sold alone"),
        "plan": _("With a plan"),
    }[code]


def licence_end(card: ModuleCard) -> datetime | None:
    """Return until when the space has the module, None without end."""
    if card.licence is not None and card.licence.valid_until is not None:
        return card.licence.valid_until
    return card.state.licensed_until if card.state is not None else None


def _card(
    entry: PluginEntry,
    listing: Listing | None,
    state: gate.ModuleStateInfo | None,
    held: License | None,
    offers: Sequence[PlanCard],
    opinion: tuple[float, int] | None,
    *,
    on_sale: bool,
    trial_used: bool,
) -> ModuleCard:
    language = get_language() or "en"
    manifest = entry.manifest
    assert manifest is not None  # noqa: S101  the callers looked
    own = [card for card in offers if card.version.plan.module == entry.slug]
    cheapest = min(
        (item for card in own for item in card.offers), key=lambda o: o.amount_minor, default=None
    )
    name = manifest.name.in_language(language)
    bundles = tuple(
        card.name for card in offers if not card.version.plan.module and name in card.modules
    )
    has_tier = listing is not None and listing.quality_report.get("version") == manifest.version
    return ModuleCard(
        slug=entry.slug,
        name=name,
        summary=manifest.summary.in_language(language),
        category=manifest.category,
        icon=manifest.icon,
        version=manifest.version,
        publisher=listing.publisher.name if listing is not None else manifest.publisher,
        publisher_slug=manifest.publisher,
        available=entry.status == "ok",
        on_sale=on_sale,
        state=state,
        status=status_of(state, held),
        quality=listing.quality if listing is not None and has_tier else "",
        stars=opinion[0] if opinion else None,
        ratings=opinion[1] if opinion else 0,
        cheapest=cheapest,
        plans=bundles,
        tags=tuple(listing.tags) if listing is not None else (),
        licence=held,
        trial_used=trial_used,
    )


def _licences(tenant: TenantInfo) -> dict[str, License]:
    """Return the running licence behind each module: its own, else that of the plan."""
    rows = (
        License.objects.filter(tenant_id=tenant.pk)
        .exclude(state=License.State.ENDED)
        .select_related("plan_version__plan")
        .prefetch_related("plan_version__items")
        .order_by("-module")
    )
    found: dict[str, License] = {}
    for row in rows:
        if row.module:
            found[row.module] = row
        elif row.plan_version is not None:
            for item in row.plan_version.items.all():
                found.setdefault(item.module, row)
    return found


def _hidden(tenant: TenantInfo) -> set[str]:
    book = book_of(tenant.reseller_pk)
    if book is None:
        return set()
    return set(HiddenModule.objects.filter(book=book).values_list("module", flat=True))


def _opinions() -> dict[str, tuple[float, int]]:
    rows = (
        Rating.objects.filter(is_hidden=False)
        .values("listing_id")
        .annotate(stars=Avg("stars"), many=Count("id"))
    )
    return {row["listing_id"]: (round(row["stars"], 1), row["many"]) for row in rows}


def _haystack(card: ModuleCard) -> str:
    texts = (card.name, card.summary, card.publisher, category_name(card.category), *card.tags)
    return _plain(" ".join(texts))


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign)).casefold()


def publishers() -> list[Publisher]:
    """Return the publishers that have something on sale, by name."""
    return list(
        Publisher.objects.filter(listings__state=Listing.State.PUBLISHED)
        .distinct()
        .order_by("name")
    )
