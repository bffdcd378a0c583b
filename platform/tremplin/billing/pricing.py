"""What a tenant pays: the public book, or the book of its reseller; and what the reseller pays."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q, QuerySet

from tremplin.api import services
from tremplin.billing.errors import BadAmount, BadSeats, NotSold, PriceOutOfRange
from tremplin.billing.lines import half_up, percent_of
from tremplin.billing.models import HiddenModule, Price, PriceBook, PriceBookEntry
from tremplin.licensing.models import PlanVersion

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

MOST_SEATS = 100_000


@dataclass(frozen=True, slots=True)
class Offer:
    """A price as one tenant sees it: ``amount_minor`` is asked, ``cost_minor`` the reseller owes.

    ``cost_minor`` is None without reseller. Both are for the included seats (tiers), for one seat
    (per seat), or for the whole (flat).
    """

    price: Price
    amount_minor: int
    cost_minor: int | None = None
    reseller_pk: int | None = None
    is_hidden: bool = False

    @property
    def margin_minor(self) -> int | None:
        """Return what the reseller earns on the base amount."""
        return None if self.cost_minor is None else self.amount_minor - self.cost_minor

    def total(self, seats: int) -> int:
        """Return what a period costs for ``seats``."""
        return total(self.price, self.amount_minor, seats)

    def cost(self, seats: int) -> int | None:
        """Return what a period costs the reseller for ``seats``."""
        return cost(self.price, self.cost_minor, seats)


def book_of(reseller_pk: int | None) -> PriceBook | None:
    """Return the book of a reseller, None when it has none (the public prices apply)."""
    if reseller_pk is None:
        return None
    return PriceBook.objects.filter(owner_tenant_id=reseller_pk).first()


def public_book() -> PriceBook:
    """Return the platform's book, made at the first call."""
    with transaction.atomic(), services.tenancy().public_write("prices"):
        return PriceBook.objects.get_or_create(owner_tenant_id=None)[0]


def offer(tenant: TenantInfo, price: Price) -> Offer:
    """Return what ``price`` is for a tenant, hidden or not."""
    book = book_of(tenant.reseller_pk)
    if book is None:
        return Offer(price, price.amount_minor)
    entry = book.entries.filter(price=price).first()
    module = price.plan_version.plan.module
    hidden_module = bool(module) and book.hidden_modules.filter(module=module).exists()
    return _in_book(book, price, entry, hidden_module=hidden_module)


def offer_to_reseller(reseller: TenantInfo, price: Price) -> Offer:
    """Return what ``price`` is in the book of a reseller: its cost and what it asks."""
    book = book_of(reseller.pk)
    if book is None:
        return Offer(price, price.amount_minor, price.amount_minor, reseller.pk)
    module = price.plan_version.plan.module
    hidden = bool(module) and book.hidden_modules.filter(module=module).exists()
    entry = book.entries.filter(price=price).first()
    return _in_book(book, price, entry, hidden_module=hidden)


def _in_book(
    book: PriceBook, price: Price, entry: PriceBookEntry | None, *, hidden_module: bool
) -> Offer:
    cost_minor = price.amount_minor - percent_of(price.amount_minor, book.discount_percent)
    amount = price.amount_minor
    hidden = hidden_module
    if entry is not None:
        cost_minor = cost_minor if entry.cost_minor is None else entry.cost_minor
        amount = amount if entry.retail_minor is None else entry.retail_minor
        hidden = hidden or entry.is_hidden
    return Offer(price, amount, cost_minor, book.owner_tenant_id, hidden)


def find(tenant: TenantInfo, version: PlanVersion, interval: str, currency: str) -> Offer:
    """Return the offer of a version in a rhythm and a currency.

    Raises ``NotSold`` without active price, when the reseller hides it, and when the version is
    not sold now.
    """
    from tremplin.kernel import clock

    now = clock.now()
    price = (
        Price.objects.select_related("plan_version__plan")
        .filter(plan_version=version, interval=interval, currency=currency, is_active=True)
        .first()
    )
    sold = version.sold_from is not None and version.sold_from <= now
    if price is None or not sold or (version.sold_until is not None and version.sold_until <= now):
        raise NotSold
    found = offer(tenant, price)
    if found.is_hidden:
        raise NotSold("hidden")
    return found


def on_sale() -> QuerySet[Price]:
    """Return the prices of the listed versions that are sold now, by plan position then amount."""
    from tremplin.kernel import clock

    now = clock.now()
    return (
        Price.objects.select_related("plan_version__plan")
        .filter(
            Q(plan_version__sold_until=None) | Q(plan_version__sold_until__gt=now),
            plan_version__sold_from__lte=now,
            plan_version__plan__is_listed=True,
            is_active=True,
        )
        .order_by("plan_version__plan__position", "amount_minor")
    )


def offers(tenant: TenantInfo, *, currency: str = "EUR", module: str | None = None) -> list[Offer]:
    """Return everything a tenant can buy now, by plan position then amount.

    ``module`` "" lists the plans of the whole space, a slug those of one module, None all.
    """
    rows = on_sale().filter(currency=currency)
    if module is not None:
        rows = rows.filter(plan_version__plan__module=module)
    book = book_of(tenant.reseller_pk)
    if book is None:
        return [Offer(price, price.amount_minor) for price in rows]
    entries = {entry.price_id: entry for entry in book.entries.all()}
    hidden = set(book.hidden_modules.values_list("module", flat=True))
    found = [
        _in_book(
            book,
            price,
            entries.get(price.pk),
            hidden_module=price.plan_version.plan.module in hidden,
        )
        for price in rows
    ]
    return [item for item in found if not item.is_hidden]


@dataclass(frozen=True, slots=True)
class BookItem:
    """A price in a reseller's book: the offer, what the reseller set, and its bounds.

    ``retail_minor`` None sells at the public price, ``cost_minor`` None costs by the discount;
    ``set_lowest`` is what the platform set, which ``lowest`` may exceed (see ``bounds``).
    """

    offer: Offer
    retail_minor: int | None
    cost_minor: int | None
    set_lowest: int | None
    lowest: int | None
    highest: int | None


def book_items(reseller: TenantInfo) -> list[BookItem]:
    """Return everything on sale as it stands in a reseller's book, hidden things included."""
    rows = list(on_sale())
    book = book_of(reseller.pk) or PriceBook(owner_tenant_id=reseller.pk)
    is_stored = not book._state.adding
    entries = {entry.price_id: entry for entry in book.entries.all()} if is_stored else {}
    hidden = set(book.hidden_modules.values_list("module", flat=True)) if is_stored else set()
    found = []
    for price in rows:
        entry = entries.get(price.pk)
        module = price.plan_version.plan.module
        lowest, highest = bounds(book, price, entry)
        found.append(
            BookItem(
                _in_book(book, price, entry, hidden_module=module in hidden),
                entry.retail_minor if entry is not None else None,
                entry.cost_minor if entry is not None else None,
                entry.min_retail_minor if entry is not None else None,
                lowest,
                highest,
            )
        )
    return found


# --- amounts ------------------------------------------------------------------------------------


def included(price: Price) -> int:
    """Return how many seats the base amount holds (at least one)."""
    return max(price.included_seats, 1)


def check_seats(price: Price, seats: int | None) -> int:
    """Return the seats to sell: None means those included. Raises ``BadSeats``."""
    base = included(price)
    wanted = base if seats is None else seats
    if price.model == Price.Model.FLAT:
        lowest = highest = base
    elif price.model == Price.Model.TIERED:
        lowest, highest = base, MOST_SEATS
    else:
        lowest, highest = 1, MOST_SEATS
    if not lowest <= wanted <= highest:
        raise BadSeats(lowest, highest)
    return wanted


def total(price: Price, base_minor: int, seats: int) -> int:
    """Return a period's amount for ``seats``, ``base_minor`` being the agreed base amount.

    Tiers are graduated on the seats above those included: ``[{"up_to": 50, "unit_minor": 390},
    {"up_to": null, "unit_minor": 300}]`` counts from the first seat above.
    """
    if price.model == Price.Model.FLAT:
        return base_minor
    if price.model == Price.Model.PER_SEAT:
        return base_minor * seats
    return base_minor + _extra(price, seats)


def cost(price: Price, base_cost_minor: int | None, seats: int) -> int | None:
    """Return what the reseller owes for a period; extra seats follow the discount of the base."""
    if base_cost_minor is None:
        return None
    if price.model != Price.Model.TIERED:
        return total(price, base_cost_minor, seats)
    extra = _extra(price, seats)
    if price.amount_minor:
        extra = half_up(Fraction(extra * base_cost_minor, price.amount_minor))
    return base_cost_minor + extra


def _extra(price: Price, seats: int) -> int:
    left = max(seats - included(price), 0)
    amount, start = 0, 0
    for tier in price.tiers:
        size = left if tier["up_to"] is None else min(left, tier["up_to"] - start)
        amount += size * tier["unit_minor"]
        left -= size
        start = tier["up_to"] or start
        if left <= 0:
            break
    return amount


# --- books --------------------------------------------------------------------------------------


@transaction.atomic
def set_book(
    reseller: TenantInfo, *, discount_percent: Decimal, mode: str = "wholesale"
) -> PriceBook:
    """Create or change a reseller's book. Raises ``BadAmount`` outside 0 to 100 percent."""
    if not 0 <= discount_percent <= 100:
        raise BadAmount(100)
    with services.tenancy().public_write("prices"):
        book, _ = PriceBook.objects.update_or_create(
            owner_tenant_id=reseller.pk,
            defaults={
                "discount_percent": discount_percent,
                "mode": mode,
                "parent": public_book(),
            },
        )
    return book


def _book(reseller: TenantInfo) -> PriceBook:
    found = book_of(reseller.pk)
    return found or set_book(reseller, discount_percent=Decimal(0))


@transaction.atomic
def set_entry(
    reseller: TenantInfo, price: Price, *, cost_minor: int | None = None, is_hidden: bool = False
) -> PriceBookEntry:
    """Set the reseller's cost (None: by discount) and whether its clients see the price."""
    if cost_minor is not None and cost_minor < 0:
        raise BadAmount
    with services.tenancy().public_write("prices"):
        return PriceBookEntry.objects.update_or_create(
            book=_book(reseller),
            price=price,
            defaults={"cost_minor": cost_minor, "is_hidden": is_hidden},
        )[0]


@transaction.atomic
def set_range(
    reseller: TenantInfo, price: Price, *, lowest: int | None, highest: int | None
) -> PriceBookEntry:
    """Set the amounts between which a reseller may sell. Raises ``BadAmount``.

    What the reseller asks is brought to the nearest bound when it falls outside.
    """
    bad = (lowest is not None and lowest < 0) or (highest is not None and highest < (lowest or 0))
    if bad:
        raise BadAmount
    with services.tenancy().public_write("prices"):
        entry = PriceBookEntry.objects.update_or_create(
            book=_book(reseller),
            price=price,
            defaults={"min_retail_minor": lowest, "max_retail_minor": highest},
        )[0]
        if entry.retail_minor is not None:
            nearest = max(entry.retail_minor, lowest or 0)
            entry.retail_minor = nearest if highest is None else min(nearest, highest)
            entry.save(update_fields=["retail_minor"])
    return entry


def bounds(
    book: PriceBook, price: Price, entry: PriceBookEntry | None
) -> tuple[int | None, int | None]:
    """Return the lowest and the highest amount a reseller may ask, None where nothing stops it.

    With a commission the platform collects, and never less than what it is due itself.
    """
    lowest = entry.min_retail_minor if entry is not None else None
    highest = entry.max_retail_minor if entry is not None else None
    if book.mode == "commission":
        due = _in_book(book, price, entry, hidden_module=False).cost_minor or 0
        lowest = max(lowest or 0, due)
    return lowest, highest


@transaction.atomic
def set_retail(reseller: TenantInfo, price: Price, retail_minor: int | None) -> PriceBookEntry:
    """Set what clients pay; a running subscription keeps the amount it was sold at.

    Raises ``PriceOutOfRange``, and ``BadAmount`` for nothing or less.
    """
    with services.tenancy().public_write("prices"):
        book = PriceBook.objects.select_for_update().get(pk=_book(reseller).pk)
        entry, _ = PriceBookEntry.objects.get_or_create(book=book, price=price)
        lowest, highest = bounds(book, price, entry)
        if retail_minor is not None:
            below = lowest is not None and retail_minor < lowest
            if below or (highest is not None and retail_minor > highest):
                raise PriceOutOfRange(lowest, highest, price.currency)
            if retail_minor <= 0 < price.amount_minor or retail_minor < 0:
                raise BadAmount
        entry.retail_minor = retail_minor
        entry.save(update_fields=["retail_minor"])
    return entry


@transaction.atomic
def hide_module(reseller: TenantInfo, module: str, *, hidden: bool) -> None:
    """Hide a module from a reseller's clients, or show it again."""
    with services.tenancy().public_write("prices"):
        book = _book(reseller)
        if hidden:
            HiddenModule.objects.get_or_create(book=book, module=module)
        else:
            book.hidden_modules.filter(module=module).delete()
