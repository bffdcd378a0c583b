"""What sales keep about a person: what she bought from her school."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tremplin.api.manifest import Text
from tremplin.api.privacy import ExportFile, Processing
from tremplin.billing.sales.models import Order

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
                "invoice_number": row.invoice_number,
                "invoice": row.invoice,
            }
            for row in Order.objects.filter(person=person).order_by("created_at")
        ]
        if content:
            yield ExportFile("sales/orders.json", content)

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        """Take the person off her purchases; unpaid ones are deleted. Twice equals once."""
        open_ones = Order.objects.filter(person=person, state=Order.State.OPEN, payments=None)
        deleted = open_ones.delete()[0]
        return deleted + Order.objects.filter(person=person).update(person=None)

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        """Delete the orders that nobody paid, placed before ``before``."""
        return Order.objects.filter(
            state=Order.State.OPEN, payments=None, created_at__lt=before
        ).delete()[0]
