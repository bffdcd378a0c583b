"""The shop through its pages: buying, and what must not be possible there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.core.billing.sales.conftest import IBAN, open_shop, ordered, sell, typed

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo
    from tremplin.billing.sales.models import Entry, Order

    Someone = Callable[..., Client]

OK, DECLINED, CONFIRM = "4242 4242 4242 4242", "4000 0000 0000 0002", "4000 0025 0000 3155"


@pytest.fixture
def cv(tenant_a: TenantInfo, inside: Any, freeze: Any) -> Entry:
    """A premium CV at 25 EUR, on sale."""
    freeze("2026-11-21T10:00:00+00:00")
    with inside(tenant_a):
        open_shop()
        return sell()


def the_order(inside: Any, tenant: TenantInfo) -> Order:
    from tremplin.billing.sales.models import Order

    with inside(tenant):
        return Order.objects.get()


def test_a_learner_buys_and_downloads_her_invoice(
    cv: Entry, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    from pypdf import PdfReader

    from tremplin.billing.sales.models import Document
    from tremplin.kernel.models import OutboxEvent
    from tremplin.notifications.models import Notification

    ann, admin = someone(tenant_a), someone(tenant_a, "admin", "camille")
    assert "25,00\u202fEUR" in ann.get("/app/shop/").content.decode()
    path = ordered(ann, cv, line1="2 rue du Lac", postal_code="69003", city="Lyon")
    assert 'data-state="open"' in ann.get(path).content.decode()
    assert "TEST" in ann.get(f"{path}card/").content.decode()
    assert ann.post(f"{path}card/", {"number": OK})["Location"] == path
    page = ann.get(path).content.decode()
    assert 'data-state="paid"' in page
    assert "V-2026-000001" in page
    with inside(tenant_a):
        paper = Document.objects.get()
        assert (paper.net_minor, paper.tax_minor, paper.total_minor) == (2_083, 417, 2_500)
        events = OutboxEvent.objects.filter(name="tremplin.sales.order_paid.v1")
        [payload] = events.values_list("payload", flat=True)
        assert (payload["person"], payload["kind"], payload["item"]) == (
            str(ann.person.pk),
            "premium_cv",
            str(cv.pk),
        )
        told = Notification.objects.values_list("key", "person_id")
        assert [who for key, who in told if key == "sales.paid"] == [ann.person.pk]
        assert ("sales.sold", admin.person.pk) in told
        assert {key for key, _who in told} == {"sales.paid", "sales.sold"}
    answer = ann.get(f"/app/shop/documents/{paper.pk}/")
    assert answer["Content-Disposition"] == 'attachment; filename="facture-V-2026-000001.pdf"'
    text = PdfReader(BytesIO(answer.content)).pages[0].extract_text()
    for part in (
        "Facture", "V-2026-000001", "MécaFormation Lyon", "793 102 450", "Ann Mercier",
        "2 rue du Lac", "CV premium", "20,83", "4,17", "25,00", "Payé par carte",
    ):  # fmt: skip
        assert part in text.replace("\u00a0", " "), part
    assert "IBAN" not in text
    assert ann.get(f"/app/shop/documents/{paper.pk}/").content == answer.content


def test_what_belongs_to_somebody_else_is_404(
    cv: Entry, tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Any, someone: Someone
) -> None:
    from tremplin.billing.sales.models import Document

    ann, bob = someone(tenant_a), someone(tenant_a, name="bob")
    zoe, chief = someone(tenant_b, name="zoe"), someone(tenant_b, "admin", "chief")
    path = ordered(ann, cv)
    ann.post(f"{path}card/", {"number": OK})
    with inside(tenant_a):
        paper = Document.objects.get().pk
    order = path.split("/")[-2]
    for client in (bob, zoe):
        for method, address in (
            ("get", path),
            ("post", f"{path}pay/"),
            ("post", f"{path}cancel/"),
            ("get", f"{path}card/"),
            ("post", f"{path}confirm/"),
            ("get", f"/app/shop/documents/{paper}/"),
        ):
            assert getattr(client, method)(address).status_code == 404, address
    assert zoe.get(f"/app/shop/{cv.pk}/").status_code == 404
    for address in (
        f"/console/sales/orders/{order}/",
        f"/console/sales/documents/{paper}/",
        f"/console/sales/entries/{cv.pk}/",
    ):
        assert bob.get(address).status_code == 403
        assert chief.get(address).status_code == 404
    for verb in ("refund", "paid", "done", "cancel"):
        assert chief.post(f"/console/sales/orders/{order}/{verb}/").status_code == 404


def test_a_double_click_is_one_order_one_payment_one_number(
    cv: Entry, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    from tremplin.billing.sales.models import Document, Order, Payment

    ann = someone(tenant_a)
    sent = typed(ann, cv)
    first, second = (ann.post(f"/app/shop/{cv.pk}/", sent)["Location"] for _ in range(2))
    assert first == second
    for _ in range(2):
        assert ann.post(first, {"number": OK}).status_code == 302
    # The form of the first page sent again, once it is paid: the same order, nothing to pay.
    assert ann.post(f"/app/shop/{cv.pk}/", sent)["Location"] == first.removesuffix("card/")
    with inside(tenant_a):
        counts = [model.objects.count() for model in (Order, Payment, Document)]
        assert counts == [1, 1, 1]


def test_a_page_that_was_closed_is_taken_up_again(
    cv: Entry, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    ann = someone(tenant_a)
    path = ordered(ann, cv)
    page = ann.get(f"/app/shop/{cv.pk}/").content.decode()
    assert 'data-testid="entry-waiting"' in page
    assert 'data-testid="buy"' not in page
    assert ann.post(f"{path}pay/")["Location"] == f"{path}card/"
    ann.post(f"{path}card/", {"number": OK})
    assert the_order(inside, tenant_a).state == "paid"


def test_a_refused_card_then_the_bank_asks(
    cv: Entry, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    ann = someone(tenant_a)
    path = ordered(ann, cv)
    assert ann.post(f"{path}confirm/", {"answer": "accept"})["Location"] == f"{path}card/"
    ann.post(f"{path}card/", {"number": DECLINED})
    assert "La banque a refusé la carte." in ann.get(path).content.decode()
    for answer, state in (("refuse", "open"), ("accept", "paid")):
        sent = ann.post(f"{path}card/", {"number": CONFIRM})
        assert sent["Location"] == f"{path}confirm/"
        assert ann.post(f"{path}confirm/", {"answer": answer})["Location"] == path
        assert the_order(inside, tenant_a).state == state
    unknown = ann.post(f"{path}card/", {"number": "4111 1111 1111 1111"})
    assert unknown["Location"] == path  # paid: there is no page left


def test_a_real_card_is_refused_and_never_shown_again(
    cv: Entry, tenant_a: TenantInfo, someone: Someone
) -> None:
    ann = someone(tenant_a)
    answer = ann.post(f"{ordered(ann, cv)}card/", {"number": "4111 1111 1111 1111"})
    assert answer.status_code == 422
    assert "4111" not in answer.content.decode()


def test_a_price_that_changed_is_said_and_nothing_is_ordered(
    cv: Entry, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    from tremplin.billing.sales import catalogue
    from tremplin.billing.sales.models import Order

    ann = someone(tenant_a)
    sent = typed(ann, cv)
    with inside(tenant_a):
        catalogue.save(cv, price_minor=3_000)
    answer = ann.post(f"/app/shop/{cv.pk}/", sent)
    assert answer.status_code == 409
    assert "Le prix a changé depuis l’ouverture de cette page" in answer.content.decode()
    with inside(tenant_a):
        assert Order.objects.count() == 0
    path = ordered(ann, cv)
    with inside(tenant_a):
        catalogue.save(cv, price_minor=9_900)
    ann.post(f"{path}card/", {"number": OK})
    order = the_order(inside, tenant_a)
    assert (order.state, order.total_minor) == ("paid", 3_000)  # honoured once it was ordered


def test_a_hidden_entry_cannot_be_bought_by_its_address(
    cv: Entry, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    from tremplin.billing.sales import catalogue
    from tremplin.billing.sales.models import Order
    from tremplin.billing.sales.sellers import shows_shop

    ann = someone(tenant_a)
    sent = typed(ann, cv)
    assert 'data-testid="nav-shop"' in ann.get("/app/").content.decode()
    with inside(tenant_a):
        catalogue.save(cv, is_on_sale=False)
        assert shows_shop(tenant_a) is False
    assert ann.get(f"/app/shop/{cv.pk}/").status_code == 404
    assert ann.post(f"/app/shop/{cv.pk}/", sent).status_code == 404
    assert ann.get(f"/app/shop/{uuid4()}/").status_code == 404
    assert 'data-testid="nav-shop"' not in ann.get("/app/").content.decode()
    with inside(tenant_a):
        assert Order.objects.count() == 0


def test_an_order_is_over_after_its_time(
    cv: Entry, tenant_a: TenantInfo, inside: Any, someone: Someone, freeze: Any
) -> None:
    ann = someone(tenant_a)
    path = ordered(ann, cv)
    later = the_order(inside, tenant_a).created_at + timedelta(hours=23)
    freeze(later.isoformat())
    assert ann.post(f"{path}card/", {"number": OK})["Location"] == path
    order = the_order(inside, tenant_a)
    assert (order.state, order.failure) == ("canceled", "expired")
    assert 'data-testid="order-canceled"' in ann.get(path).content.decode()
    again = ordered(ann, cv)
    assert again != path


def test_a_canceled_order_takes_no_card(
    cv: Entry, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    from tremplin.billing.sales import services
    from tremplin.billing.sales.errors import OrderClosed
    from tremplin.billing.sales.models import Payment

    ann = someone(tenant_a)
    path = ordered(ann, cv)
    assert ann.post(f"{path}cancel/")["Location"] == path
    assert ann.post(f"{path}card/", {"number": OK})["Location"] == path
    order = the_order(inside, tenant_a)
    with inside(tenant_a):
        with pytest.raises(OrderClosed):
            services.submit_card(order, OK)
        assert (order.state, Payment.objects.count()) == ("canceled", 0)


def test_without_agreement_or_means_nothing_is_ordered(
    cv: Entry, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    from tremplin.billing.sales.models import Order

    ann = someone(tenant_a)
    for wrong in (
        {"agreed": ""},
        {"way": "stripe"},
        {"way": "invoice"},
        {"name": ""},
        {"key": "x"},
    ):
        assert ann.post(f"/app/shop/{cv.pk}/", typed(ann, cv, **wrong)).status_code == 422
    with inside(tenant_a):
        assert Order.objects.count() == 0


def test_who_has_no_right_does_not_buy(
    cv: Entry, tenant_a: TenantInfo, someone: Someone, client_for: Any
) -> None:
    trainer = someone(tenant_a, "trainer", "luc")
    assert trainer.get("/app/shop/").status_code == 403
    assert trainer.post(f"/app/shop/{cv.pk}/").status_code == 403
    assert trainer.get("/console/sales/").status_code == 403
    assert client_for(tenant_a).get("/app/shop/").status_code == 302


def test_a_transfer_is_marked_by_the_staff(
    cv: Entry, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    from tremplin.billing.sales.models import Document

    with inside(tenant_a):
        open_shop(takes_transfers=True, iban=IBAN)
    ann, admin = someone(tenant_a), someone(tenant_a, "admin", "camille")
    path = ordered(ann, cv, way="invoice")
    order = the_order(inside, tenant_a)
    page = ann.get(path).content.decode()
    assert IBAN in page
    assert order.reference in page
    sale = f"/console/sales/orders/{order.pk}/"
    future = admin.post(f"{sale}paid/", {"day": "2026-11-22", "reference": ""})
    assert future.status_code == 422
    for _ in range(2):
        sent = admin.post(f"{sale}paid/", {"day": "2026-11-19", "reference": "VIR 1"})
        assert sent["Location"] == sale
    assert the_order(inside, tenant_a).state == "paid"
    with inside(tenant_a):
        paper = Document.objects.get()
        assert (paper.number, paper.issued_on.isoformat()) == ("V-2026-000001", "2026-11-21")
        assert paper.body["paid_on"] == "2026-11-19"
    assert 'data-state="paid"' in ann.get(path).content.decode()


def test_a_visit_of_support_buys_nothing(cv: Entry, tenant_a: TenantInfo) -> None:
    from tremplin.identity.support import closed

    assert {"sales.buy", "sales.manage"} <= closed.CLOSED_PERMISSIONS
    assert closed.is_closed(f"/app/shop/{cv.pk}/", "entry", "sales.buy") is True
