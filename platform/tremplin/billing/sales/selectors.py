"""Reads of sales in the current space."""

from __future__ import annotations

from uuid import UUID

from tremplin.billing.sales.models import Order


def of_person(person: UUID) -> list[Order]:
    """Return a person's purchases, newest first."""
    return list(Order.objects.filter(person=person).order_by("-created_at"))


def has_bought(person: UUID, module: str, item: str) -> bool:
    """Return whether a person paid for an item and was not given the money back."""
    return Order.objects.filter(
        person=person, module=module, item=item, state=Order.State.PAID
    ).exists()
