"""Buying a plan through the pages: quote, card, confirmation, refusal, and what they never do."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.core.billing.engine.conftest import identify, make_price

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo
    from tremplin.billing.models import Order, Price

OK = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
CONFIRM = "4000 0025 0000 3155"


@pytest.fixture
def ecole(hq: TenantInfo, tenant_a: TenantInfo, tenant_b: TenantInfo) -> Price:
    """The plan École: 390 EUR a month before VAT, 100 seats, 3.90 EUR for each one more."""
    from tremplin.licensing import snapshots

    snapshots.forget()
    identify(tenant_a, tenant_b)
    return make_price("ecole", 39000, seats=100, extra=390)


def quote_of(admin: Client, price: Price, **data: str) -> str:
    """Choose the plan in the form and return the address of the quote."""
    answer = admin.post(
        f"/console/billing/buy/{price.plan_version_id}/",
        {"interval": "month", "seats": "100", "coupon": "", **data},
    )
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def order_of(admin: Client, price: Price, **data: str) -> Order:
    """Order the plan and return the order."""
    from tremplin.billing.models import Order

    answer = admin.post(f"{quote_of(admin, price, **data)}pay/")
    assert answer.status_code == 302
    key = re.search(r"orders/([0-9a-f-]{36})/card/", answer["Location"])
    assert key is not None, answer["Location"]
    return Order.objects.get(pk=key[1])


def test_a_plan_is_bought_with_the_simulated_card(
    ecole: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.billing.models import Invoice

    admin = admin_of(tenant_a)
    address = quote_of(admin, ecole)
    page = admin.get(address).content.decode()
    assert "390,00\u202fEUR" in page
    assert "78,00\u202fEUR" in page
    assert "468,00\u202fEUR" in page
    order = order_of(admin, ecole)
    card = admin.get(f"/console/billing/orders/{order.pk}/card/").content.decode()
    assert "TEST" in card
    answer = admin.post(f"/console/billing/orders/{order.pk}/card/", {"number": OK})
    assert answer["Location"] == f"/console/billing/orders/{order.pk}/"
    page = admin.get(answer["Location"]).content.decode()
    assert 'data-state="paid"' in page
    assert 'data-testid="order-seats">0/100<' in page
    invoice = Invoice.objects.get(tenant_id=tenant_a.pk)
    assert (invoice.net_minor, invoice.tax_minor, invoice.total_minor) == (39000, 7800, 46800)
    assert (invoice.state, invoice.number) == ("paid", "F-2026-000001")
    assert "F-2026-000001" in page


def test_nothing_is_given_before_the_money(
    ecole: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    """The page after the payment is only a page: whoever types its address gets nothing."""
    from tremplin.billing.models import Invoice
    from tremplin.licensing.models import License

    admin = admin_of(tenant_a)
    order = order_of(admin, ecole)
    page = admin.get(f"/console/billing/orders/{order.pk}/?paid=1&state=paid").content.decode()
    assert 'data-state="open"' in page
    assert 'data-testid="order-resume"' in page
    assert License.objects.filter(tenant_id=tenant_a.pk).count() == 0
    assert Invoice.objects.filter(tenant_id=tenant_a.pk).count() == 0


def test_a_double_click_makes_one_order(
    ecole: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.billing.models import Order, Payment

    admin = admin_of(tenant_a)
    address = quote_of(admin, ecole)
    first = admin.post(f"{address}pay/")
    second = admin.post(f"{address}pay/")
    assert first["Location"] == second["Location"]
    order = Order.objects.get(tenant_id=tenant_a.pk)
    for _click in range(2):
        admin.post(f"/console/billing/orders/{order.pk}/card/", {"number": OK})
    assert Payment.objects.filter(order=order).count() == 1


def test_the_payment_page_left_half_way_can_be_taken_up_or_cancelled(
    ecole: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    admin = admin_of(tenant_a)
    order = order_of(admin, ecole)
    assert "billing-open-order" in admin.get("/console/billing/").content.decode()
    again = admin.post(f"/console/billing/orders/{order.pk}/pay/")
    assert again["Location"].endswith(f"/console/billing/orders/{order.pk}/card/")
    admin.post(f"/console/billing/orders/{order.pk}/cancel/")
    order.refresh_from_db()
    assert order.state == "canceled"
    late = admin.post(f"/console/billing/orders/{order.pk}/card/", {"number": OK})
    assert late["Location"] == f"/console/billing/orders/{order.pk}/"
    order.refresh_from_db()
    assert order.state == "canceled"


def test_a_refused_card_changes_nothing(
    ecole: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.licensing.models import License

    admin = admin_of(tenant_a)
    order = order_of(admin, ecole)
    admin.post(f"/console/billing/orders/{order.pk}/card/", {"number": DECLINED})
    page = admin.get(f"/console/billing/orders/{order.pk}/").content.decode()
    assert "La banque a refusé la carte" in page
    assert 'data-testid="order-resume"' in page
    assert License.objects.filter(tenant_id=tenant_a.pk).count() == 0
    admin.post(f"/console/billing/orders/{order.pk}/card/", {"number": OK})
    order.refresh_from_db()
    assert order.state == "paid"


@pytest.mark.parametrize(("answer", "state"), [("accept", "paid"), ("refuse", "open")])
def test_the_confirmation_step(
    ecole: Price,
    tenant_a: TenantInfo,
    admin_of: Callable[..., Client],
    answer: str,
    state: str,
) -> None:
    admin = admin_of(tenant_a)
    order = order_of(admin, ecole)
    step = admin.post(f"/console/billing/orders/{order.pk}/card/", {"number": CONFIRM})
    assert step["Location"] == f"/console/billing/orders/{order.pk}/confirm/"
    assert admin.get(step["Location"]).status_code == 200
    admin.post(step["Location"], {"answer": answer})
    order.refresh_from_db()
    assert order.state == state


@pytest.mark.parametrize("number", ["4111 1111 1111 1111", "hello", "", "4242"])
def test_any_other_number_is_refused_and_forgotten(
    ecole: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client], number: str
) -> None:
    admin = admin_of(tenant_a)
    order = order_of(admin, ecole)
    answer = admin.post(f"/console/billing/orders/{order.pk}/card/", {"number": number})
    assert answer.status_code == 422
    assert f'value="{number}"' not in answer.content.decode()
    assert order.payments.count() == 0


def test_an_order_of_another_space_does_not_exist(
    ecole: Price,
    tenant_a: TenantInfo,
    tenant_b: TenantInfo,
    admin_of: Callable[..., Client],
) -> None:
    admin, stranger = admin_of(tenant_a), admin_of(tenant_b)
    address = quote_of(admin, ecole)
    order = order_of(admin, ecole)
    base = f"/console/billing/orders/{order.pk}/"
    for path in (address, base, f"{base}card/", f"{base}confirm/"):
        assert stranger.get(path).status_code == 404, path
    for path in (f"{address}pay/", f"{base}pay/", f"{base}cancel/", f"{base}card/"):
        assert stranger.post(path, {"number": OK}).status_code == 404, path
    order.refresh_from_db()
    assert order.state == "open"


@pytest.mark.parametrize(("role", "status"), [("manager", 403), ("trainer", 403), ("learner", 403)])
def test_only_administrators_buy(
    ecole: Price,
    tenant_a: TenantInfo,
    admin_of: Callable[..., Client],
    role: str,
    status: int,
) -> None:
    person = admin_of(tenant_a, role)
    assert person.get(f"/console/billing/buy/{ecole.plan_version_id}/").status_code == status
    assert person.get("/console/billing/").status_code == (200 if role == "manager" else 403)


def test_bad_choices_stay_in_the_form(
    ecole: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.billing.models import Quote

    admin = admin_of(tenant_a)
    path = f"/console/billing/buy/{ecole.plan_version_id}/"
    for data in (
        {"interval": "month", "seats": "99"},
        {"interval": "month", "seats": "-5"},
        {"interval": "month", "seats": "many"},
        {"interval": "century", "seats": "100"},
        {"interval": "month", "seats": "100", "coupon": "NOPE"},
    ):
        assert admin.post(path, data).status_code == 422, data
    assert Quote.objects.count() == 0
    assert admin.get(f"/console/billing/buy/{uuid4()}/").status_code == 404


def test_a_coupon_is_taken_off(
    ecole: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.billing import services

    services.create_coupon("RENTREE", percent=Decimal(50))
    page = admin_of(tenant_a)
    found = page.get(quote_of(page, ecole, coupon="rentree")).content.decode()
    assert "195,00\u202fEUR" in found
    assert "234,00\u202fEUR" in found


def test_an_old_quote_asks_for_a_new_one(
    ecole: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.billing.models import Order
    from tremplin.kernel import clock

    admin = admin_of(tenant_a)
    address = quote_of(admin, ecole)
    with clock.frozen_at(clock.now() + timedelta(minutes=16)):
        page = admin.get(address).content.decode()
        assert 'data-testid="quote-over"' in page
        assert 'data-testid="pay"' not in page
        assert admin.post(f"{address}pay/")["Location"] == "/console/billing/"
    assert Order.objects.count() == 0


def test_without_an_identity_the_details_come_first(
    hq: TenantInfo, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tests.support import legal_identity
    from tremplin.billing.accounts import account_of

    legal_identity.give(hq)
    price = make_price("ecole", 39000, seats=100, extra=390)
    admin = admin_of(tenant_a)
    path = f"/console/billing/buy/{price.plan_version_id}/"
    details = admin.get(path)["Location"]
    assert details == f"/console/billing/details/?next={path}"
    values = {
        "legal_name": "Lycée Garnier", "siren": "793 102 450", "vat_id": "", "email": "",
        "line1": "1 rue Bleue", "line2": "", "postal_code": "69001", "city": "Lyon",
        "country": "FR", "next": path,
    }  # fmt: skip
    for wrong in ({"siren": "793102451"}, {"siren": ""}, {"vat_id": "FR00793102450"},
                  {"vat_id": "BE0428759497"}, {"line1": ""}, {"country": "XX"}):  # fmt: skip
        answer = admin.post("/console/billing/details/", {**values, **wrong})
        assert answer.status_code == 422, wrong
    assert account_of(tenant_a).line1 == ""
    assert admin.post("/console/billing/details/", values)["Location"] == path
    account = account_of(tenant_a)
    assert (account.siren, account.city) == ("793102450", "Lyon")
    assert admin.get(path).status_code == 200


def test_the_details_never_lead_to_another_site(
    ecole: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    admin = admin_of(tenant_a)
    values = {
        "legal_name": "L", "siren": "793102450", "line1": "1 rue", "postal_code": "69001",
        "city": "Lyon", "country": "FR", "next": "//evil.example/console/",
    }  # fmt: skip
    assert admin.post("/console/billing/details/", values)["Location"] == "/console/billing/"
