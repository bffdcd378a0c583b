"""Reads of sales in the current space."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from tremplin.billing.sales.errors import NotFound
from tremplin.billing.sales.models import Document, Order, Payment


def of_person(person: UUID) -> list[Order]:
    """Return a person's purchases, newest first."""
    return list(Order.objects.filter(person=person).order_by("-created_at"))


def has_bought(person: UUID, module: str, item: str) -> bool:
    """Return whether a person paid for an item and was not given the money back."""
    return Order.objects.filter(
        person=person, module=module, item=item, state=Order.State.PAID
    ).exists()


def has_bought_kind(person: UUID, kind: str) -> bool:
    """Return whether a person holds a paid purchase of a kind (``premium_cv``)."""
    return Order.objects.filter(person=person, kind=kind, state=Order.State.PAID).exists()


def own_order(person: UUID, order: UUID) -> Order:
    """Return an order of a person. Raises ``NotFound`` for anybody else's."""
    found = Order.objects.filter(pk=order, person=person).first()
    if found is None:
        raise NotFound
    return found


def any_order(order: UUID) -> Order:
    """Return an order of this space. Raises ``NotFound``."""
    found = Order.objects.filter(pk=order).first()
    if found is None:
        raise NotFound
    return found


def own_document(person: UUID, document: UUID) -> Document:
    """Return an invoice or credit note of a person's order. Raises ``NotFound``."""
    found = Document.objects.filter(pk=document, order__person=person).first()
    if found is None:
        raise NotFound
    return found


def any_document(document: UUID) -> Document:
    """Return an invoice or credit note of this space. Raises ``NotFound``."""
    found = Document.objects.filter(pk=document).first()
    if found is None:
        raise NotFound
    return found


def documents_of(order: Order) -> list[Document]:
    """Return the invoice of an order, then its credit notes."""
    return list(order.documents.order_by("-kind", "number"))


def settled(order: Order) -> Payment | None:
    """Return the payment that money can be given back from: the oldest with something left."""
    rows = order.payments.filter(state=Payment.State.SETTLED).order_by("at")
    return next((row for row in rows if row.refunded_minor < row.amount_minor), rows.first())


def refunded_minor(order: Order) -> int:
    """Return what was given back of an order, in minor units."""
    found: int | None = order.payments.aggregate(total=Sum("refunded_minor"))["total"]
    return found or 0


def orders(state: str = "", text: str = "") -> QuerySet[Order]:
    """Return the orders of the space, newest first, by state and by number or title."""
    found = Order.objects.order_by("-created_at")
    if state:
        found = found.filter(state=state)
    if text:
        found = found.filter(
            Q(invoice_number__icontains=text)
            | Q(documents__number__icontains=text)
            | Q(title__icontains=text)
        ).distinct()
    return found


def takings() -> list[tuple[str, int, int]]:
    """Return (currency, money taken, money given back) of the space, in minor units."""
    rows = (
        Payment.objects.filter(state=Payment.State.SETTLED)
        .values("currency")
        .annotate(taken=Sum("amount_minor"), back=Sum("refunded_minor"))
        .order_by("currency")
    )
    return [(row["currency"], row["taken"], row["back"]) for row in rows]
