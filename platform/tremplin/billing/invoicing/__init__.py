"""Invoices and credit notes: drafts, gapless numbers, frozen rows, Factur-X files.

Two steps. ``build`` and ``finalise`` (or ``credit``) run in the caller's short transaction and give
the number; the file is made after commit by a task that may be repeated (``render``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tremplin.billing.lines import Line, TaxTotal
    from tremplin.billing.models import BillingAccount, Invoice, Order, Subscription


def build(
    lines: Sequence[Line],
    *,
    account: BillingAccount,
    tenant_id: int,
    provider: str,
    currency: str,
    due_on: date,
    subscription: Subscription | None = None,
    order: Order | None = None,
    issuer_tenant_id: int | None = None,
    locale: str = "fr",
    provider_ref: str = "",
) -> Invoice:
    """Store a draft with its lines and totals; ``account`` is the buyer.

    ``issuer_tenant_id`` is the reseller or school that sells (None: the platform). A line may be
    negative, the whole may not: ``InvoiceRefused`` (422).
    """
    from tremplin.billing.invoicing import drafts

    return drafts.build(
        lines,
        account=account,
        tenant_id=tenant_id,
        provider=provider,
        currency=currency,
        due_on=due_on,
        subscription=subscription,
        order=order,
        issuer_tenant_id=issuer_tenant_id,
        locale=locale,
        provider_ref=provider_ref,
    )


def finalise(invoice: Invoice, *, at: datetime) -> Invoice:
    """Give a draft its number and freeze it, in the caller's transaction; the file follows.

    The state becomes ``open``, or ``paid`` when nothing is owed. ``at`` is an instant; the date is
    that of the issuer's zone, never before the last of the series. Raises ``IdentityMissing``
    (422, ``extra["fields"]``) when the seller or the buyer lacks what the law wants on an invoice.
    """
    from tremplin.billing.invoicing import finalising

    return finalising.finalise(invoice, at=at)


def credit(
    invoice: Invoice,
    *,
    lines: Sequence[Line] | None,
    reason: str,
    at: datetime,
    taxes: Sequence[TaxTotal] | None = None,
) -> Invoice:
    """Issue the credit note of some lines (None: of all that is left) and return it finalised.

    Lines carry the signs of the invoice; the totals of a credit note are positive. ``taxes`` states
    the VAT of an amount agreed with VAT (a refund), to the cent. A fully credited invoice becomes
    ``void`` unless it was paid. Raises ``CreditTooLarge`` (422).
    """
    from tremplin.billing.invoicing import crediting

    return crediting.credit(invoice, lines=lines, reason=reason, at=at, taxes=taxes)


def render(invoice: Invoice) -> None:
    """Make and store the file of a finalised invoice; nothing happens when it is there."""
    from tremplin.billing.invoicing import files

    files.render(invoice)


def pdf(invoice: Invoice) -> bytes:
    """Return the Factur-X file of a finalised invoice; a lost one is made again."""
    from tremplin.billing.invoicing import files

    return files.read(invoice)
