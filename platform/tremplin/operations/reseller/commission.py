"""Commission: the platform collects from the clients and pays the reseller its share afterwards.

A share is due once its invoice has been paid for the length of the refund window. What is given
back later is taken off the next payout.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from tremplin.api import Problem, services
from tremplin.billing import pricing
from tremplin.billing.models import Invoice, LedgerEntry, Payout, PriceBook
from tremplin.kernel import audit, clock
from tremplin.operations.reseller.statement import this_month

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

REFUND_WINDOW = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Due:
    """What the platform owes a reseller in one currency; negative amounts wait for later sales."""

    currency: str
    due_minor: int
    waiting_minor: int


@dataclass(frozen=True, slots=True)
class Overview:
    """How a reseller is paid: its mode, what is due, and the last payouts."""

    mode: str
    dues: tuple[Due, ...]
    payouts: tuple[Payout, ...]

    @property
    def is_shown(self) -> bool:
        """Tell whether the platform pays, or has paid, this reseller."""
        return self.mode == "commission" or bool(self.dues or self.payouts)


def overview(reseller: TenantInfo) -> Overview:
    """Return how a reseller is paid and what it will get."""
    book = pricing.book_of(reseller.pk)
    payouts = Payout.objects.filter(
        party=LedgerEntry.Party.RESELLER, party_ref=str(reseller.pk)
    ).order_by("-created_at")[:24]
    return Overview(
        book.mode if book is not None else "wholesale", tuple(dues(reseller)), tuple(payouts)
    )


def dues(reseller: TenantInfo) -> list[Due]:
    """Return what is due and what waits, per currency; nothing where both are zero."""
    limit = clock.now() - REFUND_WINDOW
    due: dict[str, int] = defaultdict(int)
    waiting: dict[str, int] = defaultdict(int)
    for entry in _open(reseller):
        (due if _is_due(entry, limit) else waiting)[entry.currency] += entry.amount_minor
    return [
        Due(currency, due[currency], waiting[currency])
        for currency in sorted({*due, *waiting})
        if due[currency] or waiting[currency]
    ]


def pay_out(reseller: TenantInfo, currency: str, *, reference: str) -> Payout:
    """Record the transfer of what is due in a currency; every entry is paid once.

    One payout per month. Raises ``Problem`` 409 when nothing is due or the month has its payout.
    """
    limit = clock.now() - REFUND_WINDOW
    with transaction.atomic(), services.tenancy().public_write("payout"):
        # The book's lock keeps two operators from paying the same entries.
        PriceBook.objects.select_for_update().filter(owner_tenant_id=reseller.pk).first()
        rows = [
            entry
            for entry in _open(reseller)
            if entry.currency == currency and _is_due(entry, limit)
        ]
        amount = sum(entry.amount_minor for entry in rows)
        if amount <= 0:
            raise Problem(409, "nothing_due", _("Nothing is due to this reseller yet."))
        month = this_month(reseller)
        wanted = {
            "party": LedgerEntry.Party.RESELLER,
            "party_ref": str(reseller.pk),
            "month": month,
            "currency": currency,
        }
        if Payout.objects.filter(**wanted).exists():
            raise Problem(
                409,
                "paid_this_month",
                _("The payout of this month is done: the rest follows next month."),
            )
        now = clock.now()
        payout = Payout.objects.create(
            **wanted, amount_minor=amount, reference=reference.strip(), created_at=now, sent_at=now
        )
        LedgerEntry.objects.filter(pk__in=[entry.pk for entry in rows]).update(payout=payout)
        audit.record(
            "operations.commission_paid",
            target=f"payout:{payout.pk}",
            data={"reseller": str(reseller.uuid), "amount_minor": amount, "currency": currency},
        )
    return payout


def _open(reseller: TenantInfo) -> Iterable[LedgerEntry]:
    """Return the shares of what the platform invoiced that no payout holds yet."""
    return (
        LedgerEntry.objects.filter(
            party=LedgerEntry.Party.RESELLER,
            party_ref=str(reseller.pk),
            kind__in=("sale", "credit"),
            payout=None,
            invoice__series__issuer_tenant_id=None,
        )
        .select_related("invoice", "invoice__corrects")
        .defer("invoice__xml", "invoice__corrects__xml")
        .order_by("id")
    )


def _is_due(entry: LedgerEntry, limit: datetime) -> bool:
    """Tell whether a share may be paid: its invoice is, and the refund window is over."""
    sold = entry.invoice.corrects or entry.invoice
    return sold.state == Invoice.State.PAID and sold.paid_at is not None and sold.paid_at <= limit
