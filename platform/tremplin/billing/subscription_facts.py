"""Facts of providers that run subscriptions and issue invoices themselves (Stripe)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from tenants import registry
from tremplin.billing import fulfilment, lateness, ledger
from tremplin.billing.facts import BillingFact, InvoiceState, SubscriptionState
from tremplin.billing.models import (
    Invoice,
    InvoiceLine,
    Order,
    Price,
    ProviderEvent,
    Subscription,
)
from tremplin.billing.quotes import Agreed, agreed, agreed_of
from tremplin.kernel import clock
from tremplin.licensing import services as licensing
from tremplin.licensing.models import License

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


def find(fact: BillingFact) -> Subscription | None:
    """Return the subscription that a fact is about, by our key or the provider's."""
    rows = Subscription.objects.select_related("account")
    if fact.subscription is not None:
        return rows.filter(pk=fact.subscription).first()
    if fact.subscription_ref:
        return rows.filter(provider=fact.provider, provider_ref=fact.subscription_ref).first()
    return None


def is_over(key: str) -> bool:
    """Return whether a subscription has ended."""
    return Subscription.objects.filter(pk=key).exclude(ended_at=None).exists()


def subscription(fact: SubscriptionState, order: Order | None) -> str:
    """Bring our subscription to the provider's current state; older states are ignored."""
    found = find(fact)
    row = None if found is None else Subscription.objects.select_for_update().get(pk=found.pk)
    if row is not None and row.object_version >= fact.at_version:
        return "older"
    if row is None and order is None:
        return "waiting"
    tenant = registry.by_pk(row.tenant_id if row is not None else order.tenant_id)  # type: ignore[union-attr]
    if tenant is None:
        return "waiting"
    if row is None:
        assert order is not None  # noqa: S101  refused above
        row = Subscription(
            tenant_id=tenant.pk,
            account=order.account,
            provider=fact.provider,
            currency=order.currency,
            interval=order.body["interval"],
            zone=tenant.timezone,
            anchor_at=fact.trial_end or fact.period_start,
            coupon=order.coupon,
            created_at=clock.now(),
        )
    _copy(row, fact)
    row.save()
    if order is not None and order.state == Order.State.OPEN:
        order.state, order.settled_at = Order.State.PAID, clock.now()
        order.subscription = row
        order.save(update_fields=["subscription", "state", "settled_at"])
    _licences(tenant, row, fact, order)
    return "applied"


def _copy(row: Subscription, fact: SubscriptionState) -> None:
    row.provider_ref = fact.subscription_ref or row.provider_ref
    row.object_version = fact.at_version
    row.period_start, row.period_end = fact.period_start, fact.period_end
    row.trial_end = fact.trial_end
    row.cancel_at_period_end = fact.cancel_at_period_end
    row.canceled_at = (row.canceled_at or fact.occurred_at) if fact.cancel_at_period_end else None
    row.ended_at = (fact.ended_at or fact.occurred_at) if fact.state == "ended" else None
    if fact.state == "past_due":
        row.unpaid_since = row.unpaid_since or fact.occurred_at
    elif fact.state in {"active", "trialing"}:
        row.unpaid_since = None
        row.paid_until = fact.period_end if fact.state == "active" else row.paid_until
    row.state = lateness.state_of(row) if row.pk and not row._state.adding else fact.state


def _licences(
    tenant: TenantInfo, row: Subscription, fact: SubscriptionState, order: Order | None
) -> None:
    if fact.state == "ended":
        for held in lateness.licences(row):
            licensing.end(tenant, held, reason="subscription_ended")
        return
    source = License.Source.TRIAL if fact.state == "trialing" else License.Source.SUBSCRIPTION
    wanted = _wanted(row, fact, order)
    if wanted and wanted[0].price.interval != row.interval:
        row.interval, row.anchor_at = wanted[0].price.interval, row.period_start
        row.save(update_fields=["interval", "anchor_at"])
    fulfilment.set_items(tenant, row, wanted, source)
    _keep_refs(row, fact)
    lateness.refresh(tenant, row)
    until = row.period_end if row.cancel_at_period_end else None
    for held in lateness.licences(row):
        if held.valid_until != until:
            licensing.extend(tenant, held, valid_until=until)


def _wanted(row: Subscription, fact: SubscriptionState, order: Order | None) -> list[Agreed]:
    """Return the items that the fact names, at the amounts they were sold at where we know them."""
    known = {item.price.pk: item for item in agreed_of(row)}
    if order is not None:
        known |= {
            item.price.pk: item
            for item in agreed(order.body["items"])
            if item.price.interval != Price.Interval.ONCE
        }
    if not fact.items:
        return list(known.values())
    prices = Price.objects.select_related("plan_version__plan").in_bulk(
        [item.price for item in fact.items]
    )
    found = []
    for item in fact.items:
        former = known.get(item.price)
        price = prices[item.price]
        amount = former.amount_minor if former is not None else price.amount_minor
        cost = former.cost_minor if former is not None else None
        seats = former.seats if former and price.model == Price.Model.FLAT else item.quantity
        found.append(Agreed(price, amount, cost, max(seats, 1)))
    return found


def _keep_refs(row: Subscription, fact: SubscriptionState) -> None:
    for item in fact.items:
        if item.ref:
            row.items.filter(price=item.price).update(provider_ref=item.ref)


# --- invoices -----------------------------------------------------------------------------------


def invoice(fact: InvoiceState, found: Invoice | None, order: Order | None) -> str:
    """Store an invoice that the provider issued, or its newer state, and its ledger rows."""
    newer = ProviderEvent.objects.filter(
        provider=fact.provider,
        kind="InvoiceState",
        body__invoice_ref=fact.invoice_ref,
        outcome="applied",
    )
    if any(_version(row) >= fact.at_version for row in newer):
        return "older"
    owner = find(fact) or order or found
    if owner is None or (fact.subscription_ref and not isinstance(owner, Subscription)):
        return "waiting"  # the invoice is frozen with its subscription
    row = found or Invoice(
        tenant_id=owner.tenant_id,
        account=owner.account,
        provider=fact.provider,
        provider_ref=fact.invoice_ref,
        order=order,
    )
    if isinstance(owner, Subscription):
        row.subscription = owner
    if found is None:
        _new_invoice(row, fact)
    row.state = fact.state
    if fact.state == "paid":
        row.paid_at = row.paid_at or fact.occurred_at
    row.save(update_fields=["state", "paid_at"])
    if found is None:
        ledger.post_sale(row)
    return "applied"


def _new_invoice(row: Invoice, fact: InvoiceState) -> None:
    """Copy what the provider printed; it is frozen as soon as it has left the draft."""
    row.number, row.currency = fact.number, fact.currency
    row.net_minor, row.tax_minor = fact.net_minor, fact.tax_minor
    row.total_minor = fact.total_minor
    row.issued_on, row.due_on = fact.issued_on, fact.due_on
    row.finalised_at = fact.occurred_at
    row.pdf_path = fact.pdf_url[:200]
    row.save()
    _lines(row, fact)


def _version(row: ProviderEvent) -> int:
    version: int = row.body.get("version") or int(row.occurred_at.timestamp() * 1_000_000)
    return version


def _lines(row: Invoice, fact: InvoiceState) -> None:
    known = _costs(row)
    rows: Sequence[InvoiceLine] = [
        InvoiceLine(
            invoice=row,
            position=number,
            description=line.description[:300],
            price_id=line.price,
            module=known.get(line.price, ("", None))[0],
            client_tenant_id=row.tenant_id,
            quantity=line.quantity,
            unit_minor=line.net_minor // line.quantity if line.quantity else line.net_minor,
            net_minor=line.net_minor,
            tax_rate=Decimal(line.tax_rate),
            period_start=line.period_start,
            period_end=line.period_end,
        )
        for number, line in enumerate(fact.lines, start=1)
    ]
    InvoiceLine.objects.bulk_create(rows)


def _costs(row: Invoice) -> dict[object, tuple[str, int | None]]:
    if row.subscription is None:
        return {}
    return {
        item.price.pk: (item.price.plan_version.plan.module, item.cost_minor)
        for item in agreed_of(row.subscription)
    }
