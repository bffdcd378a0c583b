"""The pages of a running subscription: previews, seats, the end, invoices, payment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.core.billing.engine.conftest import card, identify, make_price
from tremplin.kernel import clock

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo
    from tremplin.billing.models import Price, Subscription

START = datetime.fromisoformat("2026-11-01T09:00:00+01:00")
HALF = datetime.fromisoformat("2026-11-16T09:00:00+01:00")


@pytest.fixture
def ecole(hq: TenantInfo, tenant_a: TenantInfo, tenant_b: TenantInfo) -> Price:
    """The plan École at 390 EUR, and Expert at 590 EUR, both a month before VAT."""
    from tremplin.licensing import snapshots

    snapshots.forget()
    identify(tenant_a, tenant_b)
    return make_price("ecole", 39000, seats=100, extra=390)


@pytest.fixture
def expert(ecole: Price) -> Price:
    """A dearer plan."""
    return make_price("expert", 59000, seats=120, extra=390)


@pytest.fixture
def bought(ecole: Price, tenant_a: TenantInfo) -> Subscription:
    """The first school pays École since 1 November."""
    with clock.frozen_at(START):
        return card(tenant_a, ecole)


def address(subscription: Subscription, part: str) -> str:
    """Return the address of a page about a subscription."""
    return f"/console/billing/subscriptions/{subscription.pk}/{part}/"


def test_an_upgrade_shows_the_difference_then_charges_it(
    bought: Subscription, expert: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.billing.models import Invoice

    admin = admin_of(tenant_a)
    with clock.frozen_at(HALF):
        assert admin.get(address(bought, "plan")).status_code == 200
        made = admin.post(address(bought, "plan"), {"offer": str(expert.pk)})
        assert made.status_code == 302
        page = admin.get(made["Location"]).content.decode()
        # Half of November is left: 295.00 - 195.00 = 100.00, and 20 % of VAT.
        assert "100,00\u202fEUR" in page
        assert "120,00\u202fEUR" in page
        assert "708,00\u202fEUR" in page
        assert admin.post(made["Location"])["Location"] == "/console/billing/"
        assert admin.post(made["Location"])["Location"] == "/console/billing/"
    totals = list(
        Invoice.objects.filter(tenant_id=tenant_a.pk)
        .order_by("sequence")
        .values_list("total_minor", flat=True)
    )
    assert totals == [46800, 12000]


def test_fewer_seats_wait_for_the_end_of_the_period_and_can_be_dropped(
    ecole: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    with clock.frozen_at(START):
        bought = card(tenant_a, ecole, seats=120)
    admin = admin_of(tenant_a)
    with clock.frozen_at(HALF):
        made = admin.post(address(bought, "seats"), {"seats": "100"})
        page = admin.get(made["Location"]).content.decode()
        assert "1 décembre 2026" in page
        assert "0,00\u202fEUR" in page
        admin.post(made["Location"])
        index = admin.get("/console/billing/").content.decode()
        assert 'data-testid="subscription-change"' in index
        assert "468,00\u202fEUR" in index
        admin.post(address(bought, "changes/undo"))
        index = admin.get("/console/billing/").content.decode()
        assert 'data-testid="subscription-change"' not in index
        # 390.00 + 20 x 3.90 = 468.00 before VAT.
        assert "561,60\u202fEUR" in index


@pytest.mark.parametrize("seats", ["0", "-1", "99", "x", "", "100001"])
def test_impossible_seats_stay_in_the_form(
    bought: Subscription, tenant_a: TenantInfo, admin_of: Callable[..., Client], seats: str
) -> None:
    with clock.frozen_at(HALF):
        answer = admin_of(tenant_a).post(address(bought, "seats"), {"seats": seats})
    assert answer.status_code == 422


def test_the_same_plan_is_no_change(
    bought: Subscription, ecole: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    with clock.frozen_at(HALF):
        answer = admin_of(tenant_a).post(address(bought, "plan"), {"offer": str(ecole.pk)})
    assert answer.status_code == 422


def test_a_subscription_ends_with_its_period_and_can_be_kept(
    bought: Subscription, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    admin = admin_of(tenant_a)
    with clock.frozen_at(HALF):
        assert admin.get(address(bought, "cancel")).status_code == 200
        bought.refresh_from_db()
        assert not bought.cancel_at_period_end
        admin.post(address(bought, "cancel"))
        bought.refresh_from_db()
        assert bought.cancel_at_period_end
        assert 'data-testid="subscription-ends"' in admin.get("/console/billing/").content.decode()
        admin.post(address(bought, "keep"))
        bought.refresh_from_db()
        assert not bought.cancel_at_period_end


def test_a_subscription_of_another_space_does_not_exist(
    bought: Subscription, tenant_b: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.billing.models import Invoice

    stranger = admin_of(tenant_b)
    for part in ("plan", "seats", "cancel"):
        assert stranger.get(address(bought, part)).status_code == 404, part
    for part in ("plan", "seats", "cancel", "keep", "changes/undo"):
        assert stranger.post(address(bought, part), {"seats": "150"}).status_code == 404, part
    invoice = Invoice.objects.get(subscription=bought)
    assert stranger.get(f"/console/billing/invoices/{invoice.pk}/pdf/").status_code == 404
    page = stranger.get("/console/billing/invoices/").content.decode()
    assert 'data-testid="invoices-empty"' in page
    assert invoice.number not in page
    bought.refresh_from_db()
    assert not bought.cancel_at_period_end


def test_invoices_are_listed_and_downloaded(
    bought: Subscription, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.billing.models import Invoice

    admin = admin_of(tenant_a)
    invoice = Invoice.objects.get(subscription=bought)
    page = admin.get("/console/billing/invoices/").content.decode()
    assert page.count('data-testid="invoice-row"') == 1
    assert invoice.number in page
    assert "468,00\u202fEUR" in page
    answer = admin.get(f"/console/billing/invoices/{invoice.pk}/pdf/")
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content[:5] == b"%PDF-"


def test_the_kept_card_shows_four_digits_only(
    bought: Subscription, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    page = admin_of(tenant_a).get("/console/billing/methods/").content.decode()
    assert page.count('data-testid="method"') == 1
    assert "•••• 4242</th>" in page
    assert "42424242" not in page.replace(" ", "")


def test_a_manager_reads_and_changes_nothing(
    bought: Subscription, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    manager = admin_of(tenant_a, "manager")
    page = manager.get("/console/billing/").content.decode()
    assert 'data-testid="billing-subscription"' in page
    assert 'data-testid="subscription-cancel"' not in page
    assert manager.post(address(bought, "cancel")).status_code == 403
    before = manager.get("/console/billing/methods/")
    assert before.status_code == 200
    manager.post("/console/billing/methods/", {"provider": "invoice"})
    from tremplin.billing.accounts import account_of

    assert account_of(tenant_a).provider == "sandbox"


def test_every_tab_answers(
    bought: Subscription, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    admin = admin_of(tenant_a)
    for part in ("", "plans/", "usage/", "invoices/", "methods/", "details/"):
        assert admin.get(f"/console/billing/{part}").status_code == 200, part


def test_a_late_renewal_is_paid_with_another_card(
    ecole: Price, tenant_a: TenantInfo, tenant_b: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.billing import engine
    from tremplin.billing.models import Invoice

    with clock.frozen_at(START):
        bought = card(tenant_a, ecole, "4000000000000341")
    admin, stranger = admin_of(tenant_a), admin_of(tenant_b)
    late = datetime.fromisoformat("2026-12-05T09:00:00+01:00")
    with clock.frozen_at(late):
        engine.run_due(late)
        invoice = Invoice.objects.get(subscription=bought, state="open")
        page = admin.get("/console/billing/").content.decode()
        assert page.count('data-testid="invoice-pay"') == 1
        assert 'data-testid="notice-billing-past-due"' in page
        pay = f"/console/billing/invoices/{invoice.pk}/pay/"
        assert stranger.post(pay).status_code == 404
        assert admin.post(pay)["Location"] == "/console/billing/methods/card/"
        change = "/console/billing/methods/card/"
        for number, status in (
            ("4000000000000002", 422),
            ("4111111111111111", 422),
            ("4242424242424242", 302),
        ):
            assert admin.post(change, {"number": number}).status_code == status, number
        assert admin.post(pay)["Location"] == "/console/billing/"
        invoice.refresh_from_db()
        assert invoice.state == "paid"
        assert 'data-testid="invoice-pay"' not in admin.get("/console/billing/").content.decode()


def test_the_seller_of_an_invoice_does_not_charge_its_buyer(
    bought: Subscription, hq: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tenants.context import public_write
    from tremplin.billing.models import Invoice

    invoice = Invoice.objects.get(subscription=bought)
    with public_write("tests"):
        Invoice.objects.filter(pk=invoice.pk).update(state=Invoice.State.OPEN, paid_minor=0)
    seller = admin_of(hq)
    assert seller.post(f"/console/billing/invoices/{invoice.pk}/pay/").status_code == 404
    assert seller.get(f"/console/billing/invoices/{invoice.pk}/pdf/").status_code == 404
    invoice.refresh_from_db()
    assert (invoice.state, invoice.paid_minor) == (Invoice.State.OPEN, 0)
