"""Transmission of electronic invoices: the port ``tremplin.invoice_transport.v1``.

French companies exchange invoices through certified platforms. The product makes valid files and
hands them to whatever distribution implements this port; without one, people download them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol

from django.conf import settings

from tenants.context import use
from tremplin.billing.invoicing import files
from tremplin.billing.invoicing.parties import issuer_tenant
from tremplin.billing.models import Invoice
from tremplin.kernel import audit
from tremplin.kernel.models import AuditEvent

GROUP = "tremplin.invoice_transport.v1"
SENT = "billing.invoice_transmitted"


@dataclass(frozen=True, slots=True)
class OutgoingInvoice:
    """One file to transmit. ``key`` is the same for every attempt: receivers drop repetitions."""

    key: str
    number: str
    is_credit_note: bool
    seller_siren: str
    buyer_siren: str
    buyer_country: str
    pdf: bytes
    xml: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the platform answered: its reference, and its word for the state."""

    reference: str
    state: str


class InvoiceTransport(Protocol):
    """A certified platform, or a connector to one."""

    slug: str

    def send(self, invoice: OutgoingInvoice) -> Receipt:
        """Transmit one invoice; raise to be called again later."""
        ...


@cache
def chosen() -> InvoiceTransport | None:
    """Return the transport named by ``TREMPLIN_INVOICE_TRANSPORT``; None without a name.

    Raises ``LookupError`` for a name that no installed distribution offers.
    """
    slug = settings.INVOICE_TRANSPORT
    if not slug:
        return None
    for point in entry_points(group=GROUP, name=slug):
        found: InvoiceTransport = point.load()()
        return found
    raise LookupError(f"no installed distribution offers the invoice transport {slug!r}")


def send(invoice: Invoice) -> Receipt | None:
    """Transmit an invoice unless it was already; the receipt is audited in the issuer's space."""
    transport = chosen()
    if transport is None or invoice.series is None:
        return None
    target = f"invoice:{invoice.pk}"
    with use(issuer_tenant(invoice.series.issuer_tenant_id)):
        if AuditEvent.objects.filter(kind=SENT, target=target).exists():
            return None
    data = files.read(invoice)
    invoice.refresh_from_db()
    receipt = transport.send(
        OutgoingInvoice(
            key=invoice.content_hash,
            number=invoice.number,
            is_credit_note=invoice.kind == Invoice.Kind.CREDIT_NOTE,
            seller_siren=invoice.seller["siren"],
            buyer_siren=invoice.buyer["siren"],
            buyer_country=invoice.buyer["country"],
            pdf=data,
            xml=bytes(invoice.xml or b""),
        )
    )
    with use(issuer_tenant(invoice.series.issuer_tenant_id)):
        audit.record(
            SENT,
            target=target,
            data={"transport": transport.slug, "reference": receipt.reference[:80]},
        )
    return receipt
