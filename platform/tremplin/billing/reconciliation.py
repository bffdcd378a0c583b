"""Whether provider, payments, invoices, ledger and licences agree; each difference is explained.

Run it at any time: what was reported but not written is applied first, then every rule is checked
from the rows alone. With ``repair`` the licences and states that follow from the invoices are
brought back to them; amounts are never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, F, Sum

from tenants import registry
from tremplin.api import services
from tremplin.billing import accounts, facts, lateness, projector
from tremplin.billing.differences import Difference, ledger_differences, name_of
from tremplin.billing.facts import TO_SEND
from tremplin.billing.lines import Line, totals
from tremplin.billing.models import (
    Coupon,
    Invoice,
    InvoiceLine,
    Order,
    Payment,
    ProviderEvent,
    Subscription,
)
from tremplin.billing.providers import get
from tremplin.kernel import clock
from tremplin.licensing.models import License

LOOK_BACK = timedelta(days=30)
# What is handed to a provider is sent again by itself for less than a day.
CONFIRMED_WITHIN = timedelta(days=1)


def run(*, repair: bool = False, since: timedelta = LOOK_BACK) -> list[Difference]:
    """Return every difference that is left; with ``repair`` also those mended, marked so."""
    found: list[Difference] = []
    found += _left_over(repair=repair)
    if repair:
        found += _pull(since)
    for check in _CHECKS:
        found += check()
    found += _subscriptions(repair=repair)
    return found


# --- what was reported --------------------------------------------------------------------------


def _left_over(*, repair: bool) -> Iterable[Difference]:
    """A fact stored but not applied: the process died between the payment and the grant."""
    rows = ProviderEvent.objects.filter(outcome__in=projector.PENDING).order_by("id")
    for row in rows:
        outcome = row.outcome
        if repair:
            try:
                outcome = projector.apply(facts.from_json(row.body))
            except Exception as error:  # noqa: BLE001  the others are still to be applied
                outcome = f"{type(error).__name__}"
        yield Difference(
            "fact",
            f"{row.provider} {row.event_id}",
            "applied",
            row.outcome or "stored",
            "The provider reported it and nothing was written yet."
            if not row.outcome
            else "It is about something that no other fact has brought.",
            is_repaired=repair and outcome not in projector.PENDING and outcome != row.outcome,
        )


def _pull(since: timedelta) -> Iterable[Difference]:
    """Facts that the provider knows and never delivered, for every provider in use."""
    start = clock.now() - since
    slugs = set(Subscription.objects.values_list("provider", flat=True))
    slugs |= set(Order.objects.values_list("provider", flat=True))
    for slug in sorted(slugs):
        provider = get(slug)
        if not provider.is_configured().ok:
            continue
        for fact in provider.reconcile(start):
            outcome = projector.apply(fact)
            if outcome == "applied":
                yield Difference(
                    "lost",
                    f"{slug} {fact.event_id}",
                    "delivered",
                    "found by asking",
                    "The provider's message never came.",
                    is_repaired=True,
                )


# --- amounts ------------------------------------------------------------------------------------


def _payments() -> Iterable[Difference]:
    """The paid amount of an invoice is what its payments brought, less what went back."""
    for invoice in Invoice.objects.exclude(state=Invoice.State.DRAFT).filter(kind="invoice"):
        settled = invoice.payments.filter(state=Payment.State.SETTLED).aggregate(
            sum=Sum(F("amount_minor") - F("refunded_minor"))
        )["sum"]
        if (settled or 0) != invoice.paid_minor:
            yield Difference(
                "paid",
                name_of(invoice),
                str(settled or 0),
                str(invoice.paid_minor),
                "The amount paid is not the sum of its payments.",
            )
        done = invoice.paid_minor + invoice.credited_minor >= invoice.total_minor
        wanted = {"paid", "void"} if done else {"open", "uncollectible"}
        if invoice.state not in wanted:
            yield Difference(
                "state",
                name_of(invoice),
                " or ".join(sorted(wanted)),
                invoice.state,
                "The state does not follow from what was paid and credited.",
            )
        if invoice.paid_minor + invoice.credited_minor > invoice.total_minor:
            yield Difference(
                "overpaid",
                name_of(invoice),
                str(invoice.total_minor),
                str(invoice.paid_minor + invoice.credited_minor),
                "More came in than was owed: refund the rest.",
            )


def _unallocated() -> Iterable[Difference]:
    """Money without invoice: the amount was wrong, or the thing could not be given any more."""
    rows = Payment.objects.filter(
        state=Payment.State.SETTLED, invoice=None, refunded_minor__lt=F("amount_minor")
    )
    for row in rows:
        yield Difference(
            "unallocated",
            f"payment {row.provider_ref}",
            "an invoice",
            f"{row.amount_minor - row.refunded_minor} {row.currency}",
            "Money came in for nothing that could be given: refund it.",
        )


def _totals() -> Iterable[Difference]:
    for invoice in Invoice.objects.exclude(state=Invoice.State.DRAFT).prefetch_related("lines"):
        if "engine" not in get(invoice.provider).capabilities:
            continue
        drawn = totals([_line(row) for row in invoice.lines.all()])
        total = drawn.total_minor
        if invoice.kind == Invoice.Kind.CREDIT_NOTE:
            # The VAT of a refund is what is inside the amount: as stated, by rate.
            total = drawn.net_minor + sum(item["tax_minor"] for item in invoice.taxes)
        if (drawn.net_minor, total) != (invoice.net_minor, invoice.total_minor):
            yield Difference(
                "totals",
                name_of(invoice),
                f"{drawn.net_minor}/{total}",
                f"{invoice.net_minor}/{invoice.total_minor}",
                "The totals are not those of the lines.",
            )


def _line(row: InvoiceLine) -> Line:
    return Line(row.description, row.quantity, row.unit_minor, row.tax_rate, row.tax_category)


def _numbers() -> Iterable[Difference]:
    """Numbers of a series are 1 to the last, each once (the database refuses doubles)."""
    rows = (
        Invoice.objects.filter(series__isnull=False)
        .values("series", "series__code", "series__last_number")
        .annotate(count=Count("id"))
    )
    for row in rows:
        if row["count"] != row["series__last_number"]:
            yield Difference(
                "numbers",
                f"series {row['series__code']}",
                str(row["series__last_number"]),
                str(row["count"]),
                "A number of the series is missing.",
            )


# --- orders, coupons, licences ------------------------------------------------------------------


def _orders() -> Iterable[Difference]:
    for order in Order.objects.filter(state=Order.State.PAID):
        for item in order.body["items"]:
            recurring = item["interval"] != "once"
            if recurring and order.subscription_id is None:
                yield Difference(
                    "grant",
                    f"order {order.pk}",
                    "a subscription",
                    "none",
                    "It was paid and nothing was given.",
                )


def _unsent() -> Iterable[Difference]:
    """What was used beyond a plan and handed to the provider, who never confirmed it."""
    late = clock.now() - CONFIRMED_WITHIN
    rows = ProviderEvent.objects.filter(outcome=TO_SEND, received_at__lt=late)
    for row in rows.order_by("id"):
        yield Difference(
            "unsent",
            f"{row.provider} {row.event_id}",
            "on the next invoice",
            "not confirmed",
            "Look for it at the provider, then bill it by hand or drop it.",
        )


def _coupons() -> Iterable[Difference]:
    for coupon in Coupon.objects.all():
        used = Order.objects.filter(
            coupon=coupon, state__in=(Order.State.OPEN, Order.State.PAID)
        ).count()
        if used != coupon.redeemed:
            yield Difference(
                "coupon",
                coupon.code,
                str(used),
                str(coupon.redeemed),
                "The code was counted more or less often than it was used.",
            )


def _subscriptions(*, repair: bool) -> Iterable[Difference]:
    for row in Subscription.objects.select_related("account").order_by("created_at", "id"):
        found = list(_compare(row))
        if not found:
            continue
        mended = False
        tenant = registry.by_pk(row.tenant_id)
        if repair and tenant is not None:
            with transaction.atomic(), services.tenancy().public_write("reconciliation"):
                accounts.lock(row.account)
                fresh = Subscription.objects.select_for_update().get(pk=row.pk)
                if fresh.ended_at is None:
                    lateness.refresh(tenant, fresh)
                else:
                    _end_licences(tenant, fresh)
            mended = not list(_compare(Subscription.objects.get(pk=row.pk)))
        for item in found:
            yield Difference(
                item.kind, item.subject, item.expected, item.found, item.meaning, mended
            )


def _end_licences(tenant: registry.TenantInfo, row: Subscription) -> None:
    from tremplin.licensing import services as licensing

    for held in lateness.licences(row):
        licensing.end(tenant, held, reason="reconciliation")


def _compare(row: Subscription) -> Iterable[Difference]:
    subject = f"subscription {row.pk}"
    if "engine" in get(row.provider).capabilities and row.ended_at is None:
        since = lateness.unpaid_since(row)
        if since != row.unpaid_since:
            yield Difference(
                "unpaid", subject, str(since), str(row.unpaid_since),
                "Since when it is unpaid does not follow from its open invoices.",
            )  # fmt: skip
    if row.ended_at is not None:
        for held in lateness.licences(row):
            yield Difference(
                "licence", subject, "ended", held.state,
                "The subscription is over and its licence still runs.",
            )  # fmt: skip
        return
    for item in row.items.select_related("price__plan_version__plan"):
        held = License.objects.filter(pk=item.license).first()
        plan = item.price.plan_version
        if held is None or held.ended_at is not None:
            yield Difference(
                "licence", subject, plan.plan.key, "none or ended",
                "It is paid and its licence is missing.",
            )  # fmt: skip
            continue
        facts_of = (held.plan_version_id, held.tenant_id, held.unpaid_since)
        if facts_of != (plan.pk, row.tenant_id, row.unpaid_since):
            yield Difference(
                "licence", subject,
                f"{plan.plan.key}, unpaid since {row.unpaid_since}",
                f"{held.plan_version_id}, unpaid since {held.unpaid_since}",
                "The licence is not the one that is paid, or not told what is late.",
            )  # fmt: skip
        until = row.period_end if row.cancel_at_period_end else None
        if held.valid_until != until:
            yield Difference(
                "licence", subject, f"until {until}", f"until {held.valid_until}",
                "The end of the licence is not that of the subscription.",
            )  # fmt: skip


def _orphans() -> Iterable[Difference]:
    """A running licence that names a subscription is one of that subscription's items."""
    known = {
        key
        for key in Subscription.objects.filter(ended_at=None).values_list(
            "items__license", flat=True
        )
        if key is not None
    }
    rows = License.objects.filter(subscription__isnull=False, ended_at=None)
    for held in rows:
        if held.pk not in known:
            yield Difference(
                "orphan",
                f"licence {held.pk}",
                "a running subscription",
                str(held.subscription),
                "The licence runs and nobody pays for it.",
            )


_CHECKS: tuple[Callable[[], Iterable[Difference]], ...] = (
    _payments,
    _unallocated,
    _totals,
    _numbers,
    ledger_differences,
    _unsent,
    _orders,
    _coupons,
    _orphans,
)
