"""The invoices of a reseller's trade: those it pays to the platform, those of its clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from tenants.models import Tenant
from tremplin.billing import ledger, services
from tremplin.billing.errors import NotFound
from tremplin.billing.models import Invoice, InvoiceLine
from tremplin.kernel import audit, clock

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


@dataclass(frozen=True, slots=True)
class ClientInvoice:
    """An invoice of a client; ``is_own`` when the reseller issued it, and so collects it."""

    invoice: Invoice
    client: str
    is_own: bool

    @property
    def may_be_settled(self) -> bool:
        """Tell whether the reseller can say that its transfer arrived."""
        row = self.invoice
        return (
            self.is_own
            and row.kind == Invoice.Kind.INVOICE
            and row.state == Invoice.State.OPEN
            and row.provider == "invoice"
        )


def wholesale(reseller: TenantInfo) -> QuerySet[Invoice]:
    """Return the monthly invoices of the platform to a reseller, latest first."""
    prefix = f"{ledger.WHOLESALE}{reseller.pk}:"
    return (
        Invoice.objects.filter(
            Q(provider_ref__startswith=prefix) | Q(corrects__provider_ref__startswith=prefix)
        )
        .filter(tenant_id=reseller.pk)
        .exclude(state=Invoice.State.DRAFT)
        .select_related("series")
        .defer("xml")
        .order_by("-issued_on", "-sequence")
    )


def of_clients(reseller: TenantInfo) -> QuerySet[Invoice]:
    """Return the invoices that hold something this reseller sold, latest first."""
    sold = InvoiceLine.objects.filter(invoice=OuterRef("pk"), reseller_tenant_id=reseller.pk)
    return (
        Invoice.objects.filter(Exists(sold))
        .exclude(state=Invoice.State.DRAFT)
        .select_related("series")
        .defer("xml")
        .order_by("-issued_on", "-sequence", "-created_at")
    )


def described(reseller: TenantInfo, rows: list[Invoice]) -> list[ClientInvoice]:
    """Return invoices with the names of the clients, in one query."""
    names = dict(
        Tenant.objects.filter(pk__in={row.tenant_id for row in rows}).values_list("pk", "name")
    )
    return [
        ClientInvoice(
            row, names.get(row.tenant_id, row.buyer.get("name", "")), _is_own(reseller, row)
        )
        for row in rows
    ]


def find(reseller: TenantInfo, key: UUID) -> Invoice:
    """Return an invoice of a reseller's trade. Raises ``NotFound`` for any other."""
    found = (
        of_clients(reseller).filter(pk=key).first() or wholesale(reseller).filter(pk=key).first()
    )
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def settle(reseller: TenantInfo, key: UUID, *, reference: str) -> Invoice:
    """Record that a client's transfer arrived at the reseller; the same reference counts once.

    Who said so is in the reseller's own log. Raises ``NotFound`` for anything that the reseller
    does not collect itself.
    """
    (found,) = described(reseller, [find(reseller, key)])
    if not found.may_be_settled:
        raise NotFound
    paid = services.mark_paid(found.invoice, by=None, at=clock.now(), reference=reference)
    audit.record("reseller.invoice_settled", target=f"invoice:{key}", data={"number": paid.number})
    return paid


def _is_own(reseller: TenantInfo, row: Invoice) -> bool:
    return row.series is not None and row.series.issuer_tenant_id == reseller.pk
