"""What a space sells: its entries, their texts and their prices, all taxes included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from tremplin.billing import money
from tremplin.billing.sales import sellers, services
from tremplin.billing.sales.errors import CannotSell, NotFound, PriceChanged
from tremplin.billing.sales.models import Entry, Order, Seller
from tremplin.kernel import audit
from tremplin.kernel.current import tenant_required

if TYPE_CHECKING:
    from tremplin.api import PersonRef

MODULE = "shop"
HIGHEST_MINOR = 10_000_000  # of one entry; more is a typing error
ICONS = {
    "premium_cv": "file-user",
    "code_audit": "code",
    "portfolio": "images",
    "document_check": "file-check",
    "other": "sparkles",
}


@dataclass(frozen=True, slots=True)
class Card:
    """An entry with its texts in the reader's language."""

    entry: Entry
    title: str
    summary: str
    icon: str


def default_summary(kind: str) -> str:
    """Return what a kind of service is, in the active language."""
    return {
        "premium_cv": _("Your CV read again, rewritten with you and laid out by an adviser."),
        "code_audit": _("A developer reads your project and answers with a written review."),
        "portfolio": _("Your portfolio with the colours and the address of the school."),
        "document_check": _("Your documents checked and stamped by the school."),
    }.get(kind, "")


def card_of(entry: Entry) -> Card:
    """Return an entry as shown; empty texts are those of its kind."""
    return Card(
        entry,
        entry.title or str(Entry.Kind(entry.kind).label),
        entry.summary or default_summary(entry.kind),
        ICONS.get(entry.kind, "sparkles"),
    )


def on_sale() -> list[Card]:
    """Return what people can buy now, cheapest first; nothing while the space is not ready."""
    if not sellers.is_ready(tenant_required()):
        return []
    rows = Entry.objects.filter(is_on_sale=True).order_by("price_minor", "created_at")
    return [card_of(row) for row in rows]


def for_sale(entry: UUID) -> Entry:
    """Return an entry that people can buy now. Raises ``NotFound`` for a hidden or foreign one."""
    found = Entry.objects.filter(pk=entry, is_on_sale=True).first()
    if found is None or not sellers.is_ready(tenant_required()):
        raise NotFound
    return found


def find(entry: UUID) -> Entry:
    """Return an entry of this space, hidden or not. Raises ``NotFound``."""
    found = Entry.objects.filter(pk=entry).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def save(entry: Entry | None, **fields: Any) -> Entry:
    """Create or change an entry. Running orders keep the price they were placed at. Audited."""
    row = entry if entry is not None else Entry()
    before = row.price_minor if entry is not None else None
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()
    audit.record(
        "sales.entry_saved",
        target=f"entry:{row.pk}",
        data={
            "kind": row.kind,
            "price_minor": row.price_minor,
            "before_minor": before,
            "currency": row.currency,
            "is_on_sale": row.is_on_sale,
        },
    )
    sellers.refresh()
    return row


def shown_price(entry: Entry) -> str:
    """Return the price as a page shows it to the form that comes back: ``2500 EUR``."""
    return f"{entry.price_minor} {entry.currency}"


def item_of(entry: Entry, seller: Seller) -> services.Item:
    """Return an entry as what is ordered, with today's price and VAT."""
    due = sellers.tax_of(seller, entry.tax_code)
    return services.Item(
        module=MODULE,
        key=str(entry.pk),
        kind=entry.kind,
        title=card_of(entry).title,
        currency=entry.currency,
        total_minor=entry.price_minor,
        tax_rate=due.rate,
        tax_category=due.category,
        tax_reason=due.reason,
    )


def buy(
    person: PersonRef,
    entry: UUID,
    *,
    shown: str,
    way: str,
    idempotency_key: UUID,
    buyer: dict[str, Any],
    locale: str,
) -> Order:
    """Order an entry at the price that the page showed (``shown``, see ``shown_price``).

    The same key finds the same order, also once it is paid. Raises ``NotFound`` (hidden),
    ``PriceChanged`` and ``CannotSell``: nothing is ordered then.
    """
    known = Order.objects.filter(idempotency_key=idempotency_key, person=person.id).first()
    if known is not None:
        return known
    tenant = tenant_required()
    found = for_sale(entry)
    waiting = open_order(person.id, found.pk)
    if waiting is not None:
        return waiting
    if shown != shown_price(found):
        raise PriceChanged(money.amount_text(found.price_minor, found.currency))
    seller = sellers.get()
    if way not in {item.slug for item in sellers.ways(tenant, seller)}:
        raise CannotSell
    return services.place(
        person.id,
        item_of(found, seller),
        idempotency_key=idempotency_key,
        provider=way,
        buyer=buyer,
        locale=locale,
    )


def open_order(person: UUID, entry: UUID) -> Order | None:
    """Return the order of an entry that waits for its payment; its price is honoured."""
    services.close_expired(person)
    return Order.objects.filter(
        person=person, module=MODULE, item=str(entry), state=Order.State.OPEN
    ).first()
