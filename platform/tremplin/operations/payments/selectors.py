"""What is to be collected: open and late invoices, refused attempts, what arrived lately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from django.db.models import Prefetch, Q, QuerySet, Sum

from tenants import registry
from tremplin.billing.lateness import collects_itself
from tremplin.billing.models import Invoice, Payment
from tremplin.billing.orders import open_minor

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

VIEWS = ("late", "open", "refused", "received")
# These wait for a transfer; any other provider takes the money by itself.
WAITING_PROVIDERS = ("invoice", "free")


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """An invoice to collect: who owes it to whom, what is open, for how many days it is late."""

    invoice: Invoice
    tenant: TenantInfo | None
    issuer: TenantInfo | None
    open_minor: int
    late_days: int
    refusals: tuple[Payment, ...]

    @property
    def by_card(self) -> bool:
        """Return whether a kept means of payment can be charged again."""
        return collects_itself(self.invoice.provider) and self.invoice.subscription_id is not None


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """One attempt to pay, settled or refused."""

    payment: Payment
    tenant: TenantInfo | None


def invoices(view: str, today: date, *, query: str = "") -> QuerySet[Invoice]:
    """Return the open invoices of a view (``late`` or ``open``), longest due first."""
    rows = Invoice.objects.filter(state=Invoice.State.OPEN, kind=Invoice.Kind.INVOICE)
    if view == "late":
        rows = rows.filter(~Q(provider__in=WAITING_PROVIDERS) | Q(due_on__lt=today))
    if query:
        found = [
            space.pk for space in registry.all_tenants() if query.lower() in space.name.lower()
        ]
        rows = rows.filter(Q(number__icontains=query) | Q(tenant_id__in=found))
    refused = Payment.objects.filter(state=Payment.State.FAILED).order_by("-at")
    return (
        rows.select_related("account", "series", "subscription")
        .prefetch_related(Prefetch("payments", refused, to_attr="refused"))
        .order_by("due_on", "finalised_at", "id")
    )


def payments(view: str) -> QuerySet[Payment]:
    """Return the attempts of a view (``refused`` or ``received``), latest first."""
    state = Payment.State.FAILED if view == "refused" else Payment.State.SETTLED
    return (
        Payment.objects.filter(state=state)
        .select_related("account", "invoice", "order")
        .order_by("-at", "id")
    )


def invoice_rows(found: Sequence[Invoice], today: date) -> list[InvoiceRow]:
    """Return the rows of a page of invoices, without any query of their own."""
    spaces = spaces_by_pk()
    return [
        InvoiceRow(
            invoice,
            spaces.get(invoice.tenant_id),
            spaces.get(invoice.series.issuer_tenant_id or 0) if invoice.series else None,
            open_minor(invoice),
            late_days(invoice, today),
            tuple(getattr(invoice, "refused", ())),
        )
        for invoice in found
    ]


def payment_rows(found: Sequence[Payment]) -> list[PaymentRow]:
    """Return the rows of a page of attempts, without any query of their own."""
    spaces = spaces_by_pk()
    return [PaymentRow(payment, spaces.get(payment.account.tenant_id)) for payment in found]


def late_days(invoice: Invoice, today: date) -> int:
    """Return for how many days an open invoice is late: a card at once, a transfer when due."""
    if invoice.state != Invoice.State.OPEN:
        return 0
    due = invoice.issued_on if collects_itself(invoice.provider) else invoice.due_on
    return max((today - due).days, 0) if due is not None else 0


def spaces_by_pk() -> Mapping[int, TenantInfo]:
    """Return every space by its key."""
    return {space.pk: space for space in registry.all_tenants()}


@dataclass(frozen=True, slots=True)
class Owed:
    """What customers owe in one currency, and how much of it is late."""

    currency: str
    open_minor: int
    late_minor: int
    open_count: int
    late_count: int


def owed(today: date) -> list[Owed]:
    """Return what is open and late per currency, in two queries."""
    every, late = (_sums(invoices(view, today)) for view in ("open", "late"))
    return [
        Owed(currency, amount, late.get(currency, (0, 0))[0], many, late.get(currency, (0, 0))[1])
        for currency, (amount, many) in sorted(every.items())
    ]


def _sums(rows: QuerySet[Invoice]) -> dict[str, tuple[int, int]]:
    from django.db.models import Count

    found = (
        rows.order_by()
        .prefetch_related(None)
        .select_related(None)
        .values("currency")
        .annotate(
            many=Count("id"),
            total=Sum("total_minor"),
            paid=Sum("paid_minor"),
            credited=Sum("credited_minor"),
        )
    )
    return {
        row["currency"]: (row["total"] - row["paid"] - row["credited"], row["many"])
        for row in found
    }
