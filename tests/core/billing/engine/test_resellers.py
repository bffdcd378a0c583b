"""Books of resellers: cost, range, frozen margin, statement, monthly wholesale invoice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

import pytest

from tenants import registry
from tenants.context import public_write
from tenants.models import Tenant
from tenants.registry import TenantInfo
from tests.core.billing.engine.conftest import identify, purchase
from tremplin.billing import engine, ledger, pricing, reconciliation, selectors, services
from tremplin.billing.errors import NotSold, PriceOutOfRange
from tremplin.billing.models import BillingAccount, Invoice, LedgerEntry, Payment, Price
from tremplin.testing import freeze

Shop = Callable[..., Price]
NOON = datetime.fromisoformat("2026-11-03T12:00:00+01:00")
pytestmark = pytest.mark.django_db


@pytest.fixture
def reseller(space: Callable[[str], TenantInfo], shop: Shop) -> TenantInfo:
    found = space("passerelle")
    identify(found)
    services.set_book(found, discount_percent=Decimal(25))
    return found


@pytest.fixture
def client(reseller: TenantInfo, tenant_a: TenantInfo) -> TenantInfo:
    with public_write("test"):
        Tenant.objects.filter(pk=tenant_a.pk).update(reseller=reseller.pk)
        BillingAccount.objects.filter(tenant_id=tenant_a.pk).delete()
    registry.invalidate()
    found = registry.by_pk(tenant_a.pk)
    assert found is not None
    assert found.reseller_pk == reseller.pk
    identify(found)
    return found


def test_a_quarter_of_190_euros_is_47_50(
    reseller: TenantInfo, client: TenantInfo, tenant_b: TenantInfo, shop: Shop
) -> None:
    price = shop("pro", 19000, seats=50)
    offered = pricing.offer(client, price)
    assert (offered.amount_minor, offered.cost_minor, offered.margin_minor) == (19000, 14250, 4750)
    assert pricing.offer(tenant_b, price).margin_minor is None
    with freeze(NOON):
        invoice = purchase(client, price).invoices.get()
        line = invoice.lines.get()
        assert (line.net_minor, line.cost_minor, line.reseller_tenant_id) == (
            19000, 14250, reseller.pk,
        )  # fmt: skip
        # The reseller invoices its client itself, in its own series.
        assert invoice.series is not None
        assert invoice.series.issuer_tenant_id == reseller.pk
        shares = invoice.ledger.values_list("party", "party_ref", "amount_minor").order_by("id")
        assert list(shares) == [
            ("reseller", str(reseller.pk), 4750),
            ("platform", "", 14250),
            ("tax", "", 3800),
            ("customer", str(invoice.account_id), -22800),
        ]
        # Another discount later changes nothing that was issued.
        services.set_book(reseller, discount_percent=Decimal(10))
        month = date(2026, 11, 1)
        (row,) = selectors.statement(reseller, month)
        assert (row.margin_minor, selectors.margin(reseller, month)) == (4750, 4750)
        assert selectors.statement(reseller, date(2026, 10, 1)) == []


def test_a_refund_reverses_the_margin(reseller: TenantInfo, client: TenantInfo, shop: Shop) -> None:
    with freeze(NOON):
        invoice = purchase(client, shop("pro", 19000)).invoices.get()
        services.mark_paid(invoice, by=None, at=NOON, reference="1")
        payment = Payment.objects.get(invoice=invoice)
        from uuid import uuid4

        services.refund(payment, 22800, idempotency_key=uuid4(), reason="r", by=None)
        month = date(2026, 11, 1)
        assert selectors.margin(reseller, month) == 0
        margins = sorted(row.margin_minor for row in selectors.statement(reseller, month))
        assert margins == [-4750, 4750]
        assert reconciliation.run() == []


def test_the_month_is_invoiced_to_the_reseller_once(
    reseller: TenantInfo, client: TenantInfo, shop: Shop
) -> None:
    with freeze(NOON):
        purchase(client, shop("pro", 19000, seats=50))
        assert engine.run_due().wholesale == 0
    with freeze(datetime.fromisoformat("2026-12-01T01:00:00+01:00")):
        run = engine.run_due()
        assert (run.wholesale, run.problems) == (1, [])
        assert engine.run_due().wholesale == 0
    bill = Invoice.objects.get(tenant_id=reseller.pk)
    assert (bill.net_minor, bill.tax_minor, bill.total_minor) == (14250, 2850, 17100)
    line = bill.lines.get()
    assert (line.client_tenant_id, line.description.startswith(client.name)) == (client.pk, True)
    assert bill.series is not None
    assert (bill.series.issuer_tenant_id, ledger.balance(bill)) == (None, 0)
    # It collects what was earned on the client's invoice: not earned twice.
    assert ledger.earned(LedgerEntry.Party.PLATFORM, "") == 14250
    assert reconciliation.run() == []


def test_commission_is_collected_by_the_platform(
    reseller: TenantInfo, client: TenantInfo, shop: Shop
) -> None:
    services.set_book(reseller, discount_percent=Decimal(25), mode="commission")
    invoice = purchase(client, shop("pro", 19000)).invoices.get()
    assert invoice.series is not None
    assert invoice.series.issuer_tenant_id is None
    assert ledger.earned(LedgerEntry.Party.RESELLER, str(reseller.pk)) == 4750


def test_a_price_stays_inside_its_range(
    reseller: TenantInfo, client: TenantInfo, tenant_b: TenantInfo, shop: Shop
) -> None:
    price = shop("interview", 5900, module="interview")
    services.set_range(reseller, price, lowest=4900, highest=6900)
    for amount in (7000, 6901, 4899, -1):
        with pytest.raises(PriceOutOfRange) as refused:
            services.set_retail(reseller, price, amount)
        assert refused.value.extra == {"min_minor": 4900, "max_minor": 6900, "currency": "EUR"}
    services.set_retail(reseller, price, 5500)
    offered = pricing.offer(client, price)
    assert (offered.amount_minor, offered.cost_minor, offered.margin_minor) == (5500, 4425, 1075)
    assert pricing.offer(tenant_b, price).amount_minor == 5900
    services.set_retail(reseller, price, None)
    assert pricing.offer(client, price).amount_minor == 5900


def test_what_a_reseller_hides_is_not_sold_to_its_clients(
    reseller: TenantInfo, client: TenantInfo, tenant_b: TenantInfo, shop: Shop
) -> None:
    price = shop("matching", 4900, module="matching")
    services.hide_module(reseller, "matching", hidden=True)
    with pytest.raises(NotSold) as refused:
        purchase(client, price)
    assert refused.value.code == "hidden"
    assert [item.price.pk for item in pricing.offers(client, module="matching")] == []
    assert [item.price.pk for item in pricing.offers(tenant_b, module="matching")] == [price.pk]
    services.hide_module(reseller, "matching", hidden=False)
    assert [item.price.pk for item in pricing.offers(client, module="matching")] == [price.pk]


def test_a_publisher_earns_its_share(tenant_a: TenantInfo, shop: Shop) -> None:
    price = shop("radar", 1001, module="radar")
    find = {"radar": ("acme", Decimal(70))}.get
    ledger.register_publishers(find)
    try:
        invoice = purchase(tenant_a, price).invoices.get()
    finally:
        ledger.forget_publishers(find)
    rows = invoice.ledger.exclude(party="customer").values_list(
        "party", "party_ref", "amount_minor"
    )
    assert sorted(rows) == [("platform", "", 300), ("publisher", "acme", 701), ("tax", "", 200)]
    assert ledger.balance(invoice) == 0


def test_leaving_a_reseller_brings_the_public_price(
    reseller: TenantInfo, client: TenantInfo, shop: Shop
) -> None:
    price = shop("pro", 19000)
    services.set_retail(reseller, price, 21000)
    with freeze(NOON):
        sub = purchase(client, price).subscription
    assert sub is not None
    with public_write("test"):
        Tenant.objects.filter(pk=client.pk).update(reseller=None)
    registry.invalidate()
    with freeze(datetime.fromisoformat("2026-12-03T13:00:00+01:00")):
        engine.run_due()
    nets = sub.invoices.order_by("finalised_at").values_list("net_minor", flat=True)
    assert list(nets) == [21000, 19000]
    assert sub.items.get().cost_minor is None
