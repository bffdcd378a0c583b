"""Reads of billing, always about named tenants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Case, Q, QuerySet, When

from tremplin.billing import ledger, pricing, wholesale
from tremplin.billing.errors import NotFound
from tremplin.billing.lines import half_up
from tremplin.billing.models import (
    Invoice,
    InvoiceLine,
    LedgerEntry,
    Order,
    Quote,
    Subscription,
)
from tremplin.billing.proration import MONTHS

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


def subscriptions(tenant: TenantInfo, *, running: bool = False) -> QuerySet[Subscription]:
    """Return a tenant's subscriptions, newest first."""
    rows = Subscription.objects.filter(tenant_id=tenant.pk).order_by("-created_at")
    return rows.filter(ended_at=None) if running else rows


def subscription(tenant: TenantInfo, key: UUID) -> Subscription:
    """Return one subscription of a tenant. Raises ``NotFound``."""
    return _one(Subscription.objects.filter(tenant_id=tenant.pk, pk=key))


def plan_subscription(tenant: TenantInfo) -> Subscription | None:
    """Return the running subscription of the tenant's plan, None without."""
    return (
        subscriptions(tenant, running=True)
        .filter(items__price__plan_version__plan__module="")
        .first()
    )


def invoices(tenant: TenantInfo) -> QuerySet[Invoice]:
    """Return a tenant's invoices and credit notes, latest first; drafts are not shown."""
    return (
        Invoice.objects.filter(tenant_id=tenant.pk)
        .exclude(state=Invoice.State.DRAFT)
        .order_by("-finalised_at", "-sequence")
    )


def invoice(tenant: TenantInfo, key: UUID) -> Invoice:
    """Return one invoice of a tenant. Raises ``NotFound``."""
    return _one(invoices(tenant).filter(pk=key))


def order(tenant: TenantInfo, key: UUID) -> Order:
    """Return one order of a tenant. Raises ``NotFound``."""
    return _one(Order.objects.filter(tenant_id=tenant.pk, pk=key))


def quote(tenant: TenantInfo, key: UUID) -> Quote:
    """Return one quote of a tenant. Raises ``NotFound``."""
    return _one(Quote.objects.filter(tenant_id=tenant.pk, pk=key))


def _one(rows: QuerySet[Any]) -> Any:
    found = rows.first()
    if found is None:
        raise NotFound
    return found


# --- figures ------------------------------------------------------------------------------------


def recurring_minor(row: Subscription) -> int:
    """Return what a subscription brings per month before VAT, without discounts, half-up."""
    total = sum(
        pricing.total(item.price, item.amount_minor, item.quantity) for item in row.items.all()
    )
    return half_up(Fraction(total, MONTHS[row.interval]))


def mrr(tenant_ids: Iterable[int] | None = None) -> dict[str, int]:
    """Return the monthly recurring revenue per currency: paid subscriptions that are not ended.

    Trials and suspended subscriptions do not count.
    """
    rows = Subscription.objects.filter(
        ended_at=None, state__in=("active", "past_due", "grace")
    ).prefetch_related("items__price")
    if tenant_ids is not None:
        rows = rows.filter(tenant_id__in=list(tenant_ids))
    found: dict[str, int] = {}
    for row in rows:
        found[row.currency] = found.get(row.currency, 0) + recurring_minor(row)
    return found


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One invoiced line of a client: what it paid, what it cost, what the reseller earned."""

    client_tenant_id: int
    invoice: UUID
    invoice_number: str
    issued_on: date
    description: str
    currency: str
    net_minor: int
    cost_minor: int
    is_credit: bool

    @property
    def margin_minor(self) -> int:
        """Return the frozen margin, negative on a credit."""
        return self.net_minor - self.cost_minor


def statement(reseller: TenantInfo, month: date) -> list[StatementRow]:
    """Return the reseller's lines of a month (its first day); their margins equal the ledger.

    A line belongs to the month of its document, whose date is that of the issuer's time zone. A
    credit that a provider documents itself belongs to its own day, in the reseller's zone.
    """
    first = month.replace(day=1)
    until = wholesale.add_months_day(first)
    rows = (
        InvoiceLine.objects.filter(
            reseller_tenant_id=reseller.pk,
            cost_minor__isnull=False,
            invoice__issued_on__gte=first,
            invoice__issued_on__lt=until,
        )
        .exclude(invoice__state=Invoice.State.DRAFT)
        .select_related("invoice")
        .defer("invoice__xml")
        .order_by("invoice__issued_on", "invoice__number", "position")
    )
    found = [_statement_row(row) for row in rows]
    found += _reversals(reseller, first, until)
    return sorted(found, key=lambda row: (row.issued_on, row.invoice_number))


def _statement_row(row: InvoiceLine) -> StatementRow:
    credit = row.invoice.kind == Invoice.Kind.CREDIT_NOTE
    sign = -1 if credit else 1
    assert row.invoice.issued_on is not None  # noqa: S101  not a draft
    return StatementRow(
        client_tenant_id=row.client_tenant_id or row.invoice.tenant_id,
        invoice=row.invoice.pk,
        invoice_number=row.invoice.number,
        issued_on=row.invoice.issued_on,
        description=row.description,
        currency=row.invoice.currency,
        net_minor=sign * row.net_minor,
        cost_minor=sign * (row.cost_minor or 0),
        is_credit=credit,
    )


def _reversals(reseller: TenantInfo, first: date, until: date) -> list[StatementRow]:
    """Return what was given back of invoices whose provider makes the credit notes."""
    zone = ZoneInfo(reseller.timezone)
    own = Q(party=LedgerEntry.Party.RESELLER, party_ref=str(reseller.pk))
    entries = (
        LedgerEntry.objects.filter(
            ledger.dated(first, until, reseller.timezone),
            kind="credit",
            invoice__kind=Invoice.Kind.INVOICE,
            line__reseller_tenant_id=reseller.pk,
        )
        .exclude(party__in=(LedgerEntry.Party.CUSTOMER, LedgerEntry.Party.TAX))
        .annotate(is_own=Case(When(own, then=True), default=False))
        .select_related("invoice", "line")
        .defer("invoice__xml")
        .order_by("at", "line_id", "id")
    )
    found = []
    for (at, _line), group in groupby(entries, key=lambda entry: (entry.at, entry.line_id)):
        rows = list(group)
        line, invoice = rows[0].line, rows[0].invoice
        assert line is not None  # noqa: S101  filtered by its reseller
        net = sum(row.amount_minor for row in rows)
        margin_part = sum(row.amount_minor for row in rows if row.is_own)
        found.append(
            StatementRow(
                client_tenant_id=line.client_tenant_id or invoice.tenant_id,
                invoice=invoice.pk,
                invoice_number=invoice.number,
                issued_on=at.astimezone(zone).date(),
                description=line.description,
                currency=invoice.currency,
                net_minor=net,
                cost_minor=net - margin_part,
                is_credit=True,
            )
        )
    return found


def margin(reseller: TenantInfo, month: date, currency: str = "") -> int:
    """Return what the ledger says a reseller earned in a month, in one currency when named."""
    first = month.replace(day=1)
    return ledger.earned(
        LedgerEntry.Party.RESELLER,
        str(reseller.pk),
        first=first,
        until=wholesale.add_months_day(first),
        currency=currency,
        zone=reseller.timezone,
    )


def late(tenant_ids: Sequence[int] | None = None) -> QuerySet[Subscription]:
    """Return the subscriptions with a late payment, longest first."""
    rows = Subscription.objects.filter(
        ended_at=None, state__in=("past_due", "grace", "suspended")
    ).order_by("unpaid_since")
    return rows if tenant_ids is None else rows.filter(tenant_id__in=list(tenant_ids))
