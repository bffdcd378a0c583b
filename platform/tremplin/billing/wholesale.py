"""The monthly invoice to a reseller: one line per client and item, at the reseller's cost.

The clients' own invoices are issued in the reseller's name; their lines hold the frozen cost. A
month is closed once, when it is over in the reseller's time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet

from tenants import registry
from tremplin.api import Problem, services
from tremplin.billing import accounts, issuing, ledger
from tremplin.billing.lines import Line
from tremplin.billing.models import BillingAccount, Invoice, InvoiceLine, PriceBook
from tremplin.billing.taxes import rate_for
from tremplin.licensing.periods import add_months

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


def run(at: datetime, problems: list[str]) -> int:
    """Close the months that are over, for every reseller with a book; return how many.

    A book that is by commission now may have sold wholesale before: its lines are still owed.
    """
    done = 0
    for book in PriceBook.objects.exclude(owner_tenant_id=None).order_by("owner_tenant_id"):
        reseller = registry.by_pk(book.owner_tenant_id or 0)
        if reseller is None:
            continue
        try:
            done += sum(close_month(reseller, month) for month in _months(reseller, at))
        except Problem as problem:
            problems.append(f"{reseller.slug}: {problem.code}")
    return done


def close_month(reseller: TenantInfo, month: date) -> bool:
    """Invoice one month to a reseller, once; return whether there was something to invoice.

    A month with more credits than sales is not invoiced: it is taken off the next one.
    """
    account = accounts.account_of(reseller)
    ref = reference(reseller.pk, month)
    with transaction.atomic(), services.tenancy().public_write("wholesale"):
        account = accounts.lock(account)
        if _invoiced(reseller.pk).filter(provider_ref__gte=ref).exists():
            return False
        rows = client_lines(reseller.pk, open_since(reseller.pk, month), add_months_day(month))
        lines = _lines(account, rows)
        if sum(line.net_minor for line in lines) <= 0:
            return False
        issuing.issue(
            reseller,
            account,
            lines,
            provider="invoice",
            currency=account.currency,
            provider_ref=ref,
        )
    return True


def reference(reseller_pk: int, month: date) -> str:
    """Return what marks the wholesale invoice of a month."""
    return f"{ledger.WHOLESALE}{reseller_pk}:{month:%Y-%m}"


def _invoiced(reseller_pk: int) -> QuerySet[Invoice]:
    return Invoice.objects.filter(provider_ref__startswith=f"{ledger.WHOLESALE}{reseller_pk}:")


def open_since(reseller_pk: int, month: date) -> date:
    """Return the first day whose lines no wholesale invoice before that of ``month`` holds."""
    refs = _invoiced(reseller_pk).filter(provider_ref__lt=reference(reseller_pk, month))
    last = refs.order_by("-provider_ref").values_list("provider_ref", flat=True).first()
    if last is None:
        return date(2000, 1, 1)
    return add_months_day(date.fromisoformat(f"{last.rpartition(':')[2]}-01"))


def client_lines(reseller_pk: int, first: date, until: date) -> list[InvoiceLine]:
    """Return the lines that a reseller's clients were invoiced in its name, credits included."""
    return list(
        InvoiceLine.objects.filter(
            reseller_tenant_id=reseller_pk,
            cost_minor__isnull=False,
            invoice__series__issuer_tenant_id=reseller_pk,
            invoice__issued_on__gte=first,
            invoice__issued_on__lt=until,
        )
        .exclude(invoice__state=Invoice.State.DRAFT)
        .select_related("invoice")
        .order_by("client_tenant_id", "invoice__issued_on", "invoice__sequence", "position")
    )


def _lines(account: BillingAccount, rows: Sequence[InvoiceLine]) -> list[Line]:
    rate, category = rate_for(account, "standard")
    found = []
    for row in rows:
        sign = -1 if row.invoice.kind == Invoice.Kind.CREDIT_NOTE else 1
        cost = (row.cost_minor or 0) * sign
        if row.invoice.currency != account.currency or not cost:
            continue
        client = registry.by_pk(row.client_tenant_id or row.invoice.tenant_id)
        name = client.name if client is not None else str(row.client_tenant_id)
        found.append(
            Line(
                description=f"{name}: {row.description}"[:300],
                quantity=1 if cost > 0 else -1,
                unit_minor=abs(cost),
                tax_rate=rate,
                tax_category=category,
                price=row.price_id,
                module=row.module,
                period_start=row.period_start,
                period_end=row.period_end,
                client_tenant_id=row.client_tenant_id,
            )
        )
    return found


def add_months_day(month: date) -> date:
    """Return the first day of the month after ``month``."""
    start = datetime(month.year, month.month, 1)  # noqa: DTZ001  a calendar day, no instant
    return add_months(start, 1).date()


def _months(reseller: TenantInfo, at: datetime) -> list[date]:
    """Return the months with client lines that are over, oldest first (first days)."""
    today = at.astimezone(ZoneInfo(reseller.timezone)).date()
    first_open = today.replace(day=1)
    days = InvoiceLine.objects.filter(
        reseller_tenant_id=reseller.pk,
        invoice__issued_on__lt=first_open,
        invoice__issued_on__gte=first_open - timedelta(days=400),
        invoice__series__issuer_tenant_id=reseller.pk,
    ).values_list("invoice__issued_on", flat=True)
    return sorted({day.replace(day=1) for day in days if day is not None})
