"""What sales keep about a person: what she bought from her school."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from tremplin.api.manifest import Text
from tremplin.api.privacy import ExportFile, Processing
from tremplin.billing.sales.models import Order, Payment

if TYPE_CHECKING:
    from tremplin.api.context import TenantContext


class SalesPersonalData:
    """Purchases and invoices; after erasure the sale stays without the person (10 years, L123-22)."""

    def describe(self) -> Iterable[Processing]:
        """Return the lines of the processing register."""
        yield Processing(
            "sales.orders",
            Text(en="Purchases from the school", fr="Achats auprès de l’établissement"),
            Text(
                en="Sell services to people and keep the invoices that the law asks for.",
                fr="Vendre des services aux personnes et garder les factures que la loi exige.",
            ),
        )

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        """Yield a person's purchases as one JSON file."""
        content = [
            {
                "title": row.title,
                "state": row.state,
                "currency": row.currency,
                "total_minor": row.total_minor,
                "ordered": row.created_at.isoformat(),
                "paid": row.paid_at.isoformat() if row.paid_at else None,
                "billed_to": row.buyer,
                "invoice_number": row.invoice_number,
                "documents": [
                    {
                        "kind": paper.kind,
                        "number": paper.number,
                        "issued_on": paper.issued_on.isoformat(),
                        "total_minor": paper.total_minor,
                        "content": paper.body,
                    }
                    for paper in row.documents.order_by("-kind", "number")
                ],
            }
            for row in Order.objects.filter(person=person).order_by("created_at")
        ]
        if content:
            yield ExportFile("sales/orders.json", content)

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        """Take the person off her purchases; unpaid ones are deleted. Twice equals once.

        Invoices keep the name that the law wants on them (10 years); only their order is cut off.
        """
        mine = Order.objects.filter(person=person)
        deleted = _delete_unpaid(mine)
        return deleted + mine.update(person=None, buyer={})

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        """Delete the orders that nobody paid, placed before ``before``."""
        return _delete_unpaid(Order.objects.filter(created_at__lt=before))


def _delete_unpaid(orders: QuerySet[Order]) -> int:
    """Delete orders that no money came for, with their refused payments; return how many."""
    unpaid = orders.exclude(payments__state=Payment.State.SETTLED)
    keys = list(unpaid.values_list("pk", flat=True))
    with transaction.atomic():
        Payment.objects.filter(order__in=keys).delete()
        Order.objects.filter(pk__in=keys).delete()
    return len(keys)
