"""What the operator agrees with a reseller, and commission: due, paid out once, taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tenants.registry import TenantInfo
from tests.core.billing.engine.conftest import purchase
from tests.core.operations.reseller_money.conftest import NOON, Trade
from tremplin.api import Problem
from tremplin.billing import pricing, reconciliation, services
from tremplin.billing.models import LedgerEntry, Payment, Payout, Price
from tremplin.kernel.models import AuditEvent
from tremplin.operations.reseller import books, commission
from tremplin.testing import freeze

Shop = Callable[..., Price]
SignedIn = Callable[..., Any]
Inside = Callable[..., Any]
pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(hq: TenantInfo, signed_in: SignedIn) -> Any:
    return signed_in(hq, "platform_admin")


def _page(trade: Trade) -> str:
    return f"/platform/resellers/{trade.reseller.uuid}/"


def test_the_terms_apply_from_now_on(
    trade: Trade, shop: Shop, ada: Any, hq: TenantInfo, inside: Inside
) -> None:
    price = shop("pro", 19000, seats=50)
    with freeze(NOON):
        purchase(trade.client, price)
        page = ada.get(_page(trade)).content.decode()
        assert ("EUR\u00a0190.00" in page, "EUR\u00a047.50" in page) == (True, True)
        answer = ada.post(f"{_page(trade)}terms/", {"discount": "33,5", "mode": "commission"})
        assert (answer.status_code, answer["Location"]) == (302, _page(trade))
    assert books.terms(trade.reseller) == books.Terms(Decimal("33.50"), "commission")
    assert pricing.offer(trade.client, price).cost_minor == 12635
    with inside(hq):
        event = AuditEvent.objects.get(kind="operations.reseller_terms")
    assert event.data == {"discount": ["25.00", "33.50"], "mode": ["wholesale", "commission"]}


@pytest.mark.parametrize("discount", ["-1", "100.01", "101", "", "many", "12.345", "1e1"])
def test_a_discount_that_is_none_is_refused(trade: Trade, ada: Any, discount: str) -> None:
    answer = ada.post(f"{_page(trade)}terms/", {"discount": discount, "mode": "wholesale"})
    assert answer.status_code == 422
    assert books.terms(trade.reseller).discount_percent == 25


def test_a_mode_that_is_none_is_refused(trade: Trade, ada: Any) -> None:
    answer = ada.post(f"{_page(trade)}terms/", {"discount": "25", "mode": "gift"})
    assert answer.status_code == 422
    assert books.terms(trade.reseller).mode == "wholesale"


def test_a_cost_and_a_range_of_its_own(trade: Trade, shop: Shop, ada: Any) -> None:
    price = shop("module-interview", 5900, module="interview")
    address = f"{_page(trade)}prices/{price.pk}/"
    answer = ada.post(address, {"cost": "40", "lowest": "49", "highest": "69"})
    assert answer.status_code == 302
    offered = pricing.offer(trade.client, price)
    assert (offered.cost_minor, offered.margin_minor) == (4000, 1900)
    with pytest.raises(Problem):
        services.set_retail(trade.reseller, price, 7000)
    page = ada.get(_page(trade)).content.decode()
    assert ('value="49.00"' in page, 'value="69.00"' in page) == (True, True)
    for sent, text in (
        ({"cost": "", "lowest": "69", "highest": "49"}, "The highest price is below the lowest"),
        ({"cost": "-1", "lowest": "", "highest": ""}, "An amount cannot be negative."),
        ({"cost": "1.999", "lowest": "", "highest": ""}, "Use at most 2 decimals."),
    ):
        refused = ada.post(address, sent)
        assert refused.status_code == 422
        assert text in refused.content.decode()
    assert pricing.offer(trade.client, price).cost_minor == 4000
    # Emptied: by the discount again, without range.
    ada.post(address, {"cost": "", "lowest": "", "highest": ""})
    assert pricing.offer(trade.client, price).cost_minor == 4425
    services.set_retail(trade.reseller, price, 7000)
    assert ada.post(f"{_page(trade)}prices/{uuid4()}/", {}).status_code == 404


def test_only_resellers_and_only_the_operator(
    trade: Trade, ada: Any, hq: TenantInfo, signed_in: SignedIn
) -> None:
    for key in (trade.client.uuid, hq.uuid, uuid4()):
        assert ada.get(f"/platform/resellers/{key}/").status_code == 404
    for role in ("support", "member"):
        assert signed_in(hq, role).get(_page(trade)).status_code == 403
    assert signed_in(trade.reseller, "reseller_owner").get(_page(trade)).status_code == 404
    assert signed_in(trade.client, "admin").get(_page(trade)).status_code == 404


def _sold_by_commission(trade: Trade, price: Price) -> Payment:
    services.set_book(trade.reseller, discount_percent=Decimal(25), mode="commission")
    invoice = purchase(trade.client, price).invoices.get()
    services.mark_paid(invoice, by=None, at=NOON, reference="1")
    return Payment.objects.get(invoice=invoice)


def test_a_share_is_due_after_the_refund_window_and_paid_once(
    trade: Trade, shop: Shop, ada: Any
) -> None:
    with freeze(NOON):
        _sold_by_commission(trade, shop("pro", 19000))
        assert commission.dues(trade.reseller) == [commission.Due("EUR", 0, 4750)]
        with pytest.raises(Problem) as refused:
            commission.pay_out(trade.reseller, "EUR", reference="x")
        assert (refused.value.status, refused.value.code) == (409, "nothing_due")
    with freeze(NOON + timedelta(days=14)):
        assert commission.dues(trade.reseller) == [commission.Due("EUR", 4750, 0)]
        address = f"{_page(trade)}payout/"
        assert ada.post(address, {"currency": "EUR", "reference": ""}).status_code == 422
        assert ada.post(address, {"currency": "USD", "reference": "V"}).status_code == 409
        answer = ada.post(address, {"currency": "EUR", "reference": "VIR 12"}, follow=True)
        assert "The payout of EUR\u00a047.50 is recorded." in answer.content.decode()
        assert ada.post(address, {"currency": "EUR", "reference": "VIR 12"}).status_code == 409
    payout = Payout.objects.get()
    assert (payout.amount_minor, payout.party_ref, payout.reference) == (
        4750, str(trade.reseller.pk), "VIR 12",
    )  # fmt: skip
    assert list(payout.entries.values_list("amount_minor", flat=True)) == [4750]
    assert commission.dues(trade.reseller) == []
    assert reconciliation.run() == []


def test_what_is_given_back_is_taken_off_the_next_payout(
    trade: Trade, shop: Shop, hq: TenantInfo, inside: Inside
) -> None:
    with freeze(NOON):
        payment = _sold_by_commission(trade, shop("pro", 19000))
    with inside(hq), freeze(NOON + timedelta(days=15)):
        commission.pay_out(trade.reseller, "EUR", reference="1")
        services.refund(payment, 11400, idempotency_key=uuid4(), reason="r", by=None)
        assert commission.dues(trade.reseller) == [commission.Due("EUR", -2375, 0)]
        with pytest.raises(Problem):
            commission.pay_out(trade.reseller, "EUR", reference="2")
        radar = purchase(trade.client, shop("radar", 20000, module="radar")).subscription
        assert radar is not None
        invoice = radar.invoices.get()
        services.mark_paid(invoice, by=None, at=NOON + timedelta(days=15), reference="3")
    with inside(hq), freeze(NOON + timedelta(days=30)):
        done = commission.pay_out(trade.reseller, "EUR", reference="4")
    # 50.00 earned less the 23.75 given back.
    assert done.amount_minor == 2625
    paid = LedgerEntry.objects.exclude(payout=None).values_list("amount_minor", flat=True)
    assert sorted(paid) == [-2375, 4750, 5000]


def test_wholesale_sales_are_never_paid_out(trade: Trade, shop: Shop) -> None:
    with freeze(NOON):
        invoice = purchase(trade.client, shop("pro", 19000)).invoices.get()
        services.mark_paid(invoice, by=None, at=NOON, reference="1")
    with freeze(NOON + timedelta(days=60)):
        assert commission.dues(trade.reseller) == []
        assert commission.overview(trade.reseller).is_shown is False


def test_the_platform_collects_when_it_bills(trade: Trade) -> None:
    from tremplin.billing.models import BillingAccount
    from tremplin.billing.providers import default_slug

    def facts() -> tuple[int | None, str]:
        account = BillingAccount.objects.select_related("payer").get(tenant_id=trade.client.pk)
        return (account.payer.tenant_id if account.payer else None, account.provider)

    assert facts() == (trade.reseller.pk, "invoice")
    services.set_book(trade.reseller, discount_percent=Decimal(25), mode="commission")
    assert facts() == (None, default_slug())
    other = BillingAccount.objects.get(tenant_id=trade.stranger.pk)
    assert other.payer is not None
    services.set_book(trade.reseller, discount_percent=Decimal(25))
    assert facts() == (trade.reseller.pk, "invoice")
