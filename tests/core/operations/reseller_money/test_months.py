"""Months of a reseller: its time zone, refunds after the month, credits carried to the next bill."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from tenants import registry
from tenants.context import public_write
from tenants.models import Tenant
from tests.core.billing.engine.conftest import purchase
from tests.core.operations.reseller_money.conftest import NOON, Trade
from tremplin.billing import engine, ledger, pricing, reconciliation, selectors, services, wholesale
from tremplin.billing.models import Invoice, LedgerEntry, Payment, Price
from tremplin.testing import freeze

Shop = Callable[..., Price]
NOVEMBER, DECEMBER, JANUARY = date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)
pytestmark = pytest.mark.django_db


def _paid(trade: Trade, price: Price) -> Payment:
    invoice = purchase(trade.client, price).invoices.get()
    services.mark_paid(invoice, by=None, at=NOON, reference=str(invoice.pk))
    return Payment.objects.get(invoice=invoice)


def test_a_month_is_that_of_the_reseller_s_clock(trade: Trade, shop: Shop) -> None:
    """14:00 UTC on 30 November is already December in Nouméa, and still November in Paris."""
    with public_write("test"):
        Tenant.objects.filter(pk=trade.reseller.pk).update(timezone="Pacific/Noumea")
    registry.invalidate()
    reseller = registry.by_pk(trade.reseller.pk)
    assert reseller is not None
    price = shop("pro", 19000)
    with freeze(datetime.fromisoformat("2026-11-30T14:00:00+00:00")):
        purchase(trade.client, price)
        # The rival's clock stands in Paris.
        purchase(trade.stranger, price)
    assert [row.margin_minor for row in selectors.statement(reseller, NOVEMBER)] == []
    assert [row.margin_minor for row in selectors.statement(reseller, DECEMBER)] == [4750]
    assert selectors.margin(reseller, NOVEMBER) == 0
    assert selectors.margin(reseller, DECEMBER) == 4750
    assert [row.margin_minor for row in selectors.statement(trade.rival, NOVEMBER)] == [7600]
    with freeze(datetime.fromisoformat("2026-12-01T01:00:00+00:00")):
        assert engine.run_due().wholesale == 1
    bill = Invoice.objects.get(provider_ref=wholesale.reference(trade.rival.pk, NOVEMBER))
    assert bill.net_minor == 11400
    with freeze(datetime.fromisoformat("2026-12-31T13:30:00+00:00")):
        assert engine.run_due().wholesale == 1
    bill = Invoice.objects.get(provider_ref=wholesale.reference(reseller.pk, DECEMBER))
    assert bill.net_minor == 14250


def test_a_refund_in_december_is_taken_off_december(trade: Trade, shop: Shop) -> None:
    with freeze(NOON):
        payment = _paid(trade, shop("pro", 19000))
    with freeze(datetime.fromisoformat("2026-12-02T10:00:00+01:00")):
        assert engine.run_due().wholesale == 1
        services.refund(payment, 11400, idempotency_key=uuid4(), reason="half", by=None)
    reseller = trade.reseller
    (november,) = selectors.statement(reseller, NOVEMBER)
    assert (november.net_minor, november.cost_minor, november.margin_minor) == (19000, 14250, 4750)
    (december,) = selectors.statement(reseller, DECEMBER)
    assert (december.net_minor, december.cost_minor, december.margin_minor, december.is_credit) == (
        -9500, -7125, -2375, True,
    )  # fmt: skip
    assert (selectors.margin(reseller, NOVEMBER), selectors.margin(reseller, DECEMBER)) == (
        4750, -2375,
    )  # fmt: skip
    assert reconciliation.run() == []


def test_a_month_of_credits_is_taken_off_the_next_bill(trade: Trade, shop: Shop) -> None:
    price = shop("pro", 19000)
    with freeze(NOON):
        payment = _paid(trade, price)
    with freeze(datetime.fromisoformat("2026-12-02T10:00:00+01:00")):
        engine.run_due()
        services.refund(payment, 22800, idempotency_key=uuid4(), reason="all", by=None)
        sub = payment.invoice.subscription
        assert sub is not None
        services.cancel(sub, at_period_end=False)
    with freeze(datetime.fromisoformat("2027-01-02T10:00:00+01:00")):
        # December holds the credit alone: nothing to invoice yet.
        assert (engine.run_due().wholesale, engine.run_due().wholesale) == (0, 0)
        _paid(trade, shop("expert", 29000))
    with freeze(datetime.fromisoformat("2027-02-01T10:00:00+01:00")):
        assert (engine.run_due().wholesale, engine.run_due().wholesale) == (1, 0)
    bill = Invoice.objects.get(provider_ref=wholesale.reference(trade.reseller.pk, JANUARY))
    # 217.50 for January less the 142.50 of December.
    assert sorted(line.net_minor for line in bill.lines.all()) == [-14250, 21750]
    assert (bill.net_minor, ledger.balance(bill)) == (7500, 0)
    bills = Invoice.objects.filter(provider_ref__startswith="wholesale:")
    assert [row.net_minor for row in bills.order_by("issued_on")] == [14250, 7500]
    assert reconciliation.run() == []


def test_a_book_that_turns_to_commission_still_owes_what_was_wholesale(
    trade: Trade, shop: Shop
) -> None:
    with freeze(NOON):
        purchase(trade.client, shop("pro", 19000))
        services.set_book(trade.reseller, discount_percent=Decimal(25), mode="commission")
        purchase(trade.client, shop("radar", 1000, module="radar"))
    with freeze(datetime.fromisoformat("2026-12-01T10:00:00+01:00")):
        assert engine.run_due().wholesale == 1
    bill = Invoice.objects.get(tenant_id=trade.reseller.pk)
    assert [line.net_minor for line in bill.lines.all()] == [14250]
    assert selectors.margin(trade.reseller, NOVEMBER) == 4750 + 250


def test_a_credit_that_a_provider_documents_belongs_to_its_day(trade: Trade, shop: Shop) -> None:
    services.set_book(trade.reseller, discount_percent=Decimal(25), mode="commission")
    with freeze(NOON):
        invoice = purchase(trade.client, shop("pro", 19000)).invoices.get()
    with freeze(datetime.fromisoformat("2026-12-05T10:00:00+01:00")), public_write("test"):
        ledger.post_reversal(invoice, 11400)
    assert ledger.balance(invoice) == 0
    (sold,) = selectors.statement(trade.reseller, NOVEMBER)
    (back,) = selectors.statement(trade.reseller, DECEMBER)
    assert (sold.margin_minor, selectors.margin(trade.reseller, NOVEMBER)) == (4750, 4750)
    assert (back.net_minor, back.cost_minor, back.margin_minor, back.issued_on) == (
        -9500, -7125, -2375, date(2026, 12, 5),
    )  # fmt: skip
    assert selectors.margin(trade.reseller, DECEMBER) == -2375
    kinds = LedgerEntry.objects.filter(party="reseller").values_list("kind", flat=True)
    assert sorted(kinds) == ["credit", "sale"]


def test_a_currency_without_cents_has_whole_costs(trade: Trade, shop: Shop) -> None:
    price = shop("afrique", 15001, currency="XOF")
    # A quarter off 15 001 francs is 11 250.75: the cost is 11 251, no cents exist.
    offered = pricing.offer(trade.client, price)
    assert (offered.cost_minor, offered.margin_minor) == (11251, 3750)
    with freeze(NOON):
        purchase(trade.client, shop("pro", 19000))
    assert selectors.margin(trade.reseller, NOVEMBER, "EUR") == 4750
    assert selectors.margin(trade.reseller, NOVEMBER, "XOF") == 0
