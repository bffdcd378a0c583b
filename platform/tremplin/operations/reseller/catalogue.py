"""What a reseller offers its clients: modules shown or hidden, prices inside the allowed range."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tremplin.billing import cards, pricing, services
from tremplin.billing.errors import NotFound
from tremplin.billing.models import HiddenModule, Price
from tremplin.billing.money import amount_text, major
from tremplin.billing.pricing import BookItem
from tremplin.kernel import audit, registry
from tremplin.licensing.models import Plan
from tremplin.marketplace import catalogue as marketplace
from tremplin.marketplace.models import Listing

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One price of the book as the page shows it."""

    item: BookItem

    @property
    def price(self) -> Price:
        """Return the public price."""
        return self.item.offer.price

    @property
    def key(self) -> UUID:
        """Return the key of the price."""
        return self.price.pk

    @property
    def rhythm(self) -> str:
        """Return « per month », « per year » or « once »."""
        return cards.interval_text(self.price.interval)

    @property
    def margin_minor(self) -> int:
        """Return what the reseller earns on the base amount, negative below its cost."""
        return self.item.offer.margin_minor or 0

    @property
    def is_free(self) -> bool:
        """Tell whether there is nothing to sell."""
        return self.price.amount_minor == 0

    @property
    def typed(self) -> str:
        """Return the reseller's own price as people type it, empty at the public price."""
        return self._as_typed(self.item.retail_minor)

    @property
    def public_text(self) -> str:
        """Return the public price as people type it."""
        return self._as_typed(self.price.amount_minor)

    @property
    def cost_typed(self) -> str:
        """Return the cost that the operator set, empty when it follows the discount."""
        return self._as_typed(self.item.cost_minor)

    @property
    def cost_text(self) -> str:
        """Return what the price costs the reseller, as people type it."""
        return self._as_typed(self.item.offer.cost_minor)

    @property
    def lowest_typed(self) -> str:
        """Return the lowest amount that the operator allows, empty without."""
        return self._as_typed(self.item.set_lowest)

    @property
    def highest_typed(self) -> str:
        """Return the highest amount that the operator allows, empty without."""
        return self._as_typed(self.item.highest)

    def _as_typed(self, amount_minor: int | None) -> str:
        return "" if amount_minor is None else typed(amount_minor, self.price.currency)

    @property
    def range_text(self) -> str:
        """Return between which amounts the reseller may sell."""
        return range_text(self.item.lowest, self.item.highest, self.price.currency)


@dataclass(frozen=True, slots=True)
class Group:
    """A plan of the space, or a module, with its prices."""

    key: str
    name: str
    summary: str
    icon: str
    is_hidden: bool
    prices: tuple[PriceRow, ...]


def typed(amount_minor: int, currency: str) -> str:
    """Return an amount as people of the reader's language type it, ``47,50`` in French."""
    text = str(major(amount_minor, currency))
    return text.replace(".", ",") if (get_language() or "en").startswith("fr") else text


def range_text(lowest: int | None, highest: int | None, currency: str) -> str:
    """Return a range in words, « 49,00 EUR to 69,00 EUR »."""
    low = amount_text(lowest or 0, currency)
    if highest is None:
        return _("from %(low)s") % {"low": low} if lowest else _("free choice")
    return _("%(low)s to %(high)s") % {"low": low, "high": amount_text(highest, currency)}


def modules(reseller: TenantInfo) -> list[Group]:
    """Return every module on sale with its prices in the reseller's book, by name."""
    language = get_language() or "en"
    prices = _prices(reseller)
    book = pricing.book_of(reseller.pk)
    hidden = set(HiddenModule.objects.filter(book=book).values_list("module", flat=True))
    listings = {row.pk: row for row in Listing.objects.all()}
    found = []
    known = set()
    for entry in registry.plugins():
        known.add(entry.slug)
        manifest = entry.manifest
        if manifest is None or not marketplace.is_on_sale(entry, listings.get(entry.slug)):
            continue
        texts = manifest.name.in_language(language), manifest.summary.in_language(language)
        rows = tuple(prices.get(entry.slug, ()))
        found.append(Group(entry.slug, *texts, manifest.icon, entry.slug in hidden, rows))
    for slug, priced in prices.items():
        if slug and slug not in known:
            # Priced before it is installed: what will be asked is decided ahead.
            texts = _texts(priced[0].price.plan_version.plan)
            found.append(Group(slug, *texts, "blocks", slug in hidden, tuple(priced)))
    return sorted(found, key=lambda group: group.name.casefold())


def _texts(plan: Plan) -> tuple[str, str]:
    if (get_language() or "en").startswith("fr"):
        return plan.name_fr, plan.summary_fr
    return plan.name_en, plan.summary_en


def plans(reseller: TenantInfo) -> list[Group]:
    """Return the plans of a whole space with their prices in the reseller's book; free ones not."""
    found: dict[str, list[PriceRow]] = defaultdict(list)
    for row in _prices(reseller).get("", ()):
        if not row.is_free:
            found[row.price.plan_version.plan.key].append(row)
    return [
        Group(key, *_texts(rows[0].price.plan_version.plan), "tag", False, tuple(rows))
        for key, rows in found.items()
    ]


def _prices(reseller: TenantInfo) -> dict[str, Sequence[PriceRow]]:
    found: dict[str, list[PriceRow]] = defaultdict(list)
    for item in pricing.book_items(reseller):
        found[item.offer.price.plan_version.plan.module].append(PriceRow(item))
    return dict(found)


def price_on_sale(key: UUID) -> Price:
    """Return a price that is sold now. Raises ``NotFound`` for any other."""
    found = pricing.on_sale().filter(pk=key).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def ask(reseller: TenantInfo, price: Price, retail_minor: int | None) -> None:
    """Set what the reseller's clients pay from now on (None: the public price), audited.

    Raises ``PriceOutOfRange`` and ``BadAmount``.
    """
    services.set_retail(reseller, price, retail_minor)
    audit.record(
        "reseller.price_set",
        target=f"price:{price.pk}",
        data={"retail_minor": retail_minor, "currency": price.currency},
    )


@transaction.atomic
def show_module(reseller: TenantInfo, slug: str, *, hidden: bool) -> str:
    """Hide a module from the reseller's clients, or show it; return its name, audited.

    Who has it keeps it. Raises ``NotFound`` for a module that is not on sale.
    """
    group = next((group for group in modules(reseller) if group.key == slug), None)
    if group is None:
        raise NotFound
    services.hide_module(reseller, slug, hidden=hidden)
    audit.record(
        "reseller.module_hidden" if hidden else "reseller.module_shown", target=f"module:{slug}"
    )
    return group.name
