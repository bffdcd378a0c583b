"""What the operator agrees with a reseller: discount, who bills, costs and ranges of single prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from tenants import registry
from tremplin.billing import pricing, services
from tremplin.billing.errors import NotFound
from tremplin.billing.models import Price
from tremplin.kernel import audit
from tremplin.operations.reseller import catalogue

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

WHOLESALE, COMMISSION = "wholesale", "commission"


@dataclass(frozen=True, slots=True)
class Terms:
    """The book of a reseller; one without book has no discount and sells wholesale."""

    discount_percent: Decimal
    mode: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator sets for one price: None leaves it to the discount, or free."""

    cost_minor: int | None
    lowest: int | None
    highest: int | None


def reseller_of(key: UUID) -> TenantInfo:
    """Return a space of kind reseller. Raises ``NotFound`` for any other."""
    found = registry.by_uuid(key)
    if found is None or found.kind != "reseller":
        raise NotFound
    return found


def terms(reseller: TenantInfo) -> Terms:
    """Return what was agreed with a reseller."""
    book = pricing.book_of(reseller.pk)
    return Terms(Decimal(0), WHOLESALE) if book is None else Terms(book.discount_percent, book.mode)


@transaction.atomic
def agree(reseller: TenantInfo, wanted: Terms) -> None:
    """Set the discount and who bills the clients; it applies to what is sold from now on."""
    before = terms(reseller)
    services.set_book(reseller, discount_percent=wanted.discount_percent, mode=wanted.mode)
    audit.record(
        "operations.reseller_terms",
        target=f"space:{reseller.uuid}",
        data={
            "discount": [str(before.discount_percent), str(wanted.discount_percent)],
            "mode": [before.mode, wanted.mode],
        },
    )


@transaction.atomic
def limit(reseller: TenantInfo, price: Price, wanted: Limits) -> None:
    """Set the reseller's own cost of a price and the range of what it may ask.

    Raises ``Problem`` 422 for negative amounts and a range upside down.
    """
    book = pricing.book_of(reseller.pk)
    entry = book.entries.filter(price=price).first() if book is not None else None
    services.set_entry(
        reseller,
        price,
        cost_minor=wanted.cost_minor,
        is_hidden=entry is not None and entry.is_hidden,
    )
    services.set_range(reseller, price, lowest=wanted.lowest, highest=wanted.highest)
    audit.record(
        "operations.reseller_price",
        target=f"space:{reseller.uuid}",
        data={
            "price": str(price.pk),
            "cost_minor": wanted.cost_minor,
            "range": [wanted.lowest, wanted.highest],
        },
    )


def groups(reseller: TenantInfo) -> list[catalogue.Group]:
    """Return plans then modules with their prices in the reseller's book."""
    found = [*catalogue.plans(reseller), *catalogue.modules(reseller)]
    return [group for group in found if group.prices]
