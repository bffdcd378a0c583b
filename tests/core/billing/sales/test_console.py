"""The staff's side: prices, identity and VAT, refunds, gapless numbers, deliveries."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.core.billing.sales.conftest import IBAN, IDENTITY, hidden, open_shop, ordered, sell

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

    Someone = Callable[..., Client]

OK = "4242 4242 4242 4242"
SELLER = {
    **IDENTITY,
    "line2": "", "currency": "EUR", "vat": "french", "own_rate": "0", "iban": "", "bic": "",
    "transfer_days": "14", "terms": "",
}  # fmt: skip
ENTRY = {"kind": "code_audit", "title": "", "summary": "", "tax_code": "standard", "price": "60"}


@pytest.fixture
def admin(tenant_a: TenantInfo, someone: Someone, freeze: Any) -> Client:
    """An administrator of the school."""
    freeze("2026-11-21T10:00:00+00:00")
    return someone(tenant_a, "admin", "camille")


def buy(client: Client, entry: Any) -> str:
    """Buy an entry with the simulated card and return the id of the order."""
    path = ordered(client, entry)
    client.post(f"{path}card/", {"number": OK})
    return path.split("/")[-2]


def papers(inside: Any, tenant: TenantInfo) -> list[tuple[str, int, int, int]]:
    from tremplin.billing.sales.models import Document

    with inside(tenant):
        return [
            (row.number, row.net_minor, row.tax_minor, row.total_minor)
            for row in Document.objects.order_by("-kind", "number")
        ]


def test_a_shop_opens_in_two_forms(admin: Client, tenant_a: TenantInfo, someone: Someone) -> None:
    page = admin.get("/console/sales/entries/").content.decode()
    assert 'data-testid="sales-closed"' in page
    assert admin.post("/console/sales/seller/", SELLER).status_code == 302
    sent = admin.post("/console/sales/entries/new/", {**ENTRY, "is_on_sale": "on"})
    assert sent.status_code == 302, sent.content.decode()
    page = admin.get("/console/sales/entries/").content.decode()
    assert 'data-testid="sales-closed"' not in page
    assert "60,00\u202fEUR" in page
    assert "Audit de code" in someone(tenant_a).get("/app/shop/").content.decode()


@pytest.mark.parametrize(
    ("currency", "price", "stored"),
    [
        ("EUR", "0", None), ("EUR", "-1", None), ("EUR", "1,001", None), ("EUR", "0,01", 1),
        ("EUR", "100000,01", None), ("EUR", "NaN", None), ("EUR", "abc", None), ("EUR", "", None),
        ("XOF", "2500,5", None), ("XOF", "2500", 2_500), ("XOF", "2500,0", 2_500),
    ],
)  # fmt: skip
def test_prices_are_exact(
    admin: Client, tenant_a: TenantInfo, inside: Any, currency: str, price: str, stored: int | None
) -> None:
    from tremplin.billing.sales.models import Entry

    with inside(tenant_a):
        open_shop(currency=currency)
    sent = admin.post("/console/sales/entries/new/", {**ENTRY, "price": price})
    assert sent.status_code == (422 if stored is None else 302)
    with inside(tenant_a):
        found = list(Entry.objects.values_list("price_minor", "currency"))
        assert found == ([] if stored is None else [(stored, currency)])


@pytest.mark.parametrize(
    ("seller", "tax_code", "expected"),
    [
        ({}, "standard", ("20.00", "S", 2_000)),
        ({}, "reduced", ("5.50", "S", 2_275)),
        ({"has_training_exemption": True}, "training", ("0.00", "E", 2_400)),
        ({"has_training_exemption": True}, "standard", ("20.00", "S", 2_000)),
        ({"vat": "franchise", "vat_id": ""}, "standard", ("0.00", "E", 2_400)),
        ({"vat": "own", "own_rate": Decimal("18.00")}, "standard", ("18.00", "S", 2_034)),
        ({"country": "SN", "siren": "", "vat_id": ""}, "standard", ("0.00", "O", 2_400)),
    ],
)
def test_vat_is_inside_the_price(
    admin: Client,
    tenant_a: TenantInfo,
    inside: Any,
    someone: Someone,
    seller: dict[str, Any],
    tax_code: str,
    expected: tuple[str, str, int],
) -> None:
    from tremplin.billing.sales.models import Order

    with inside(tenant_a):
        open_shop(**seller)
        entry = sell(2_400, tax_code=tax_code)
    buy(someone(tenant_a), entry)
    with inside(tenant_a):
        order = Order.objects.get()
        assert (str(order.tax_rate), order.tax_category, order.net_minor) == expected
        assert order.total_minor == 2_400
        reason = order.documents.get().body["tax_reason"]
    said = {"S": "", "O": "259", "E": "293 B" if seller.get("vat") else "261-4-4"}
    assert said[expected[1]] in reason
    assert bool(reason) is (expected[1] != "S")


def test_the_exemption_needs_its_certificate(
    admin: Client, tenant_a: TenantInfo, inside: Any
) -> None:
    with inside(tenant_a):
        open_shop()
    sent = admin.post("/console/sales/entries/new/", {**ENTRY, "tax_code": "training"})
    assert sent.status_code == 422
    assert "exonérées" in sent.content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"siren": "793102451"},
        {"vat_id": "FR99793102450"},
        {"takes_transfers": "on"},
        {"takes_transfers": "on", "iban": "FR7630006000011234567890180"},
        {"bic": "X"},
        {"transfer_days": "0"},
        {"own_rate": "101"},
        {"currency": "XXX"},
        {"vat": "franchise", "has_training_exemption": "on"},
    ],
)
def test_a_seller_that_makes_no_sense_is_refused(
    admin: Client, tenant_a: TenantInfo, inside: Any, wrong: dict[str, str]
) -> None:
    from tremplin.billing.sales.models import Seller

    assert admin.post("/console/sales/seller/", {**SELLER, **wrong}).status_code == 422
    with inside(tenant_a):
        assert Seller.objects.count() == 0


def test_refunds_add_up_and_never_exceed(
    admin: Client, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    from tremplin.billing.sales.models import Order, Payment
    from tremplin.kernel.models import OutboxEvent

    with inside(tenant_a):
        open_shop()
        entry = sell(2_500)
    order = buy(someone(tenant_a), entry)
    sale = f"/console/sales/orders/{order}/"

    def give(amount: str, key: str = "") -> int:
        sent = {"amount": amount, "reason": "Geste commercial", "key": key or str(uuid4())}
        return admin.post(f"{sale}refund/", sent).status_code

    for wrong in ("0", "-1", "25,01", "1,001", "", "x"):
        assert give(wrong) == 422
    twice = hidden(admin.get(sale).content.decode(), "key")
    assert [give("10", twice), give("10", twice)] == [302, 302]
    assert give("15,01") == 422
    assert give("15") == 302
    assert give("1") == 422  # nothing is left
    with inside(tenant_a):
        payment = Payment.objects.get()
        assert (payment.amount_minor, payment.refunded_minor) == (2_500, 2_500)
        assert Order.objects.get().state == "refunded"
        assert OutboxEvent.objects.filter(name="tremplin.sales.order_refunded.v1").count() == 1
    assert papers(inside, tenant_a) == [
        ("V-2026-000001", 2_083, 417, 2_500),
        ("AV-2026-000001", 833, 167, 1_000),
        ("AV-2026-000002", 1_250, 250, 1_500),
    ]


def test_a_credit_note_names_its_invoice_and_the_reason(
    admin: Client, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    from io import BytesIO

    from pypdf import PdfReader

    from tremplin.billing.sales.models import Document

    with inside(tenant_a):
        open_shop()
        entry = sell(2_500)
    ann = someone(tenant_a)
    order = buy(ann, entry)
    sent = {"amount": "10", "reason": "Geste commercial", "key": str(uuid4())}
    assert admin.post(f"/console/sales/orders/{order}/refund/", sent).status_code == 302
    with inside(tenant_a):
        note = Document.objects.get(kind="credit_note").pk
    answer = ann.get(f"/app/shop/documents/{note}/")
    assert answer["Content-Disposition"] == 'attachment; filename="avoir-AV-2026-000001.pdf"'
    text = PdfReader(BytesIO(answer.content)).pages[0].extract_text().replace("\u00a0", " ")
    for part in ("Avoir", "V-2026-000001", "8,33", "1,67", "10,00", "Geste commercial"):
        assert part in text, part
    assert "Payé par carte" not in text
    assert admin.get(f"/console/sales/documents/{note}/").content == answer.content


def test_two_refunds_at_once_never_exceed(own_database: str) -> None:
    """Real threads and commits: 6 refunds of 6 EUR at 25 EUR paid, four pass."""
    from django.db import connection

    from tenants import registry
    from tenants.context import use
    from tremplin.billing.sales import catalogue, sellers, services
    from tremplin.billing.sales.errors import BadRefund
    from tremplin.billing.sales.models import Document, Numbering, Payment

    space = registry.by_slug("mecaformation")
    assert space is not None
    with use(space):
        open_shop()
        item = catalogue.item_of(sell(), sellers.get())

        def click(_n: int) -> str:
            try:
                with use(space):
                    order = services.place(person, item, idempotency_key=key)
                    return services.submit_card(order, OK)
            finally:
                connection.close()

        person, key = uuid4(), uuid4()
        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(click, range(6))) == ["settled"] * 6
        payment = Payment.objects.get()

        def give(_n: int) -> bool:
            try:
                with use(space):
                    mine = Payment.objects.get(pk=payment.pk)
                    services.refund(mine, 600, idempotency_key=uuid4())
            except BadRefund:
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(give, range(6))) == [False, False, True, True, True, True]
        payment.refresh_from_db()
        assert payment.refunded_minor == 2_400
        assert sorted(Document.objects.values_list("number", flat=True))[:4] == [
            f"AV-2026-00000{n}" for n in range(1, 5)
        ]
        assert dict(Numbering.objects.values_list("code", "last_number")) == {
            "invoice": 1,
            "credit_note": 4,
        }


def test_what_is_issued_never_changes(
    admin: Client, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    from tremplin.billing.invoicing.errors import InvoiceBroken
    from tremplin.billing.sales import papers as files
    from tremplin.billing.sales.models import Document

    with inside(tenant_a):
        open_shop()
        entry = sell()
    buy(someone(tenant_a), entry)
    with inside(tenant_a):
        open_shop(legal_name="Another name")
        paper = Document.objects.get()
        assert paper.body["seller"]["name"] == "MécaFormation Lyon"
        made = files.pdf(paper)
        assert files.pdf(Document.objects.get()) == made
        assert paper.pdf_path.startswith("sales/2026/")
        paper.total_minor += 1
        with pytest.raises(InvoiceBroken):
            files.pdf(paper)


def test_the_service_is_done_once(
    admin: Client, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    from tremplin.notifications.models import Notification

    with inside(tenant_a):
        open_shop()
        entry = sell()
    ann = someone(tenant_a)
    order = buy(ann, entry)
    page = admin.get("/console/sales/").content.decode()
    assert "Ann Mercier" in page
    assert "25,00\u202fEUR" in page
    for _ in range(2):
        assert admin.post(f"/console/sales/orders/{order}/done/").status_code == 302
    with inside(tenant_a):
        assert Notification.objects.filter(key="sales.delivered").count() == 1
    assert 'data-testid="order-done"' in ann.get(f"/app/shop/orders/{order}/").content.decode()


def test_nothing_leaves_the_space(
    admin: Client, tenant_a: TenantInfo, inside: Any, someone: Someone
) -> None:
    """No row of the public schema names the buyer, her order or what she bought."""
    from django.db import connection

    with inside(tenant_a):
        open_shop(takes_transfers=True, iban=IBAN)
        entry = sell(title="Relecture zqx")
    order = buy(someone(tenant_a), entry)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(
                f'SELECT count(*) FROM public."{name}" AS t WHERE t::text LIKE ANY (%s)',  # noqa: S608
                [[f"%{text}%" for text in ("Ann Mercier", order, "Relecture zqx", IBAN)]],
            )
            assert (name, cursor.fetchone()[0]) == (name, 0)


def test_stripe_is_explained_where_it_is_not_set_up(admin: Client) -> None:
    assert 'data-testid="connect-absent"' in admin.get("/console/sales/stripe/").content.decode()
    assert admin.post("/console/sales/stripe/")["Location"] == "/console/sales/stripe/"
