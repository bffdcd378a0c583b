"""The margin statement, its CSV, the invoices of a reseller's trade, and what stays hidden."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from tenants import registry
from tenants.context import public_write
from tenants.models import Tenant
from tests.core.billing.engine.conftest import purchase
from tests.core.operations.reseller_money.conftest import NOON, Trade
from tremplin.billing import engine, reconciliation, services
from tremplin.billing.models import Invoice, Payment, Price
from tremplin.kernel.models import AuditEvent
from tremplin.operations.reseller import statement
from tremplin.testing import freeze

Shop = Callable[..., Price]
SignedIn = Callable[..., Any]
Inside = Callable[..., Any]
pytestmark = pytest.mark.django_db
PAGE = "/reseller/statement/"
HEAD = [
    "Client",
    "Invoice",
    "Date",
    "Description",
    "Kind",
    "Before VAT",
    "Cost",
    "Margin",
    "Currency",
]


@pytest.fixture
def sold(trade: Trade, shop: Shop) -> Invoice:
    """190 EUR sold by the reseller, and the same by its rival."""
    price = shop("pro", 19000, seats=50)
    with freeze(NOON):
        purchase(trade.stranger, price)
        return purchase(trade.client, price).invoices.get()


@pytest.fixture
def owner(trade: Trade, signed_in: SignedIn) -> Any:
    return signed_in(trade.reseller, "reseller_owner")


def _rows(answer: Any, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=separator))


def test_november_earned_47_50(trade: Trade, sold: Invoice, owner: Any, inside: Inside) -> None:
    page = owner.get(f"{PAGE}?month=2026-11").content.decode()
    assert "Margin of November 2026" in page
    for amount in ("EUR\u00a0190.00", "EUR\u00a0142.50", "EUR\u00a047.50"):
        assert amount in page
    assert "Same as the ledger" in page
    assert page.count('data-testid="statement-row"') == 1
    assert trade.client.name in page
    assert trade.stranger.name not in page
    answer = owner.get(f"{PAGE}csv/?month=2026-11")
    assert answer["Content-Disposition"] == 'attachment; filename="margin-2026-11.csv"'
    assert _rows(answer) == [
        HEAD,
        [trade.client.name, sold.number, "2026-11-03", "Pro, 50 places", "Sale", "190.00", "142.50",
         "47.50", "EUR"],
        ["Total", "", "", "", "", "190.00", "142.50", "47.50", "EUR"],
    ]  # fmt: skip
    with inside(trade.reseller):
        assert AuditEvent.objects.get(kind="reseller.statement_exported").data == {
            "month": "2026-11"
        }
    empty = owner.get(f"{PAGE}?month=2026-10").content.decode()
    assert 'data-testid="statement-empty"' in empty


def test_a_french_spreadsheet_has_commas_and_a_refund_its_sign(
    trade: Trade, sold: Invoice, owner: Any, client_for: Callable[..., Any], inside: Inside
) -> None:
    from tremplin.identity.models import User

    with freeze(NOON):
        services.mark_paid(sold, by=None, at=NOON, reference="1")
        payment = Payment.objects.get(invoice=sold)
    with freeze(datetime.fromisoformat("2026-12-02T10:00:00+01:00")):
        services.refund(payment, 22800, idempotency_key=uuid4(), reason="r", by=None)
    with inside(trade.reseller):
        User.objects.filter(email__startswith="reseller_owner-money").update(locale="fr")
    rows = _rows(owner.get(f"{PAGE}csv/?month=2026-12"), ";")
    assert [row[5:] for row in rows[1:]] == [["-190,00", "-142,50", "-47,50", "EUR"]] * 2
    assert (rows[1][4], rows[2][0]) == ("Avoir", "Total")
    with freeze(datetime.fromisoformat("2026-12-20T10:00:00+01:00")):
        assert "−47,50" in owner.get(PAGE).content.decode()
    assert reconciliation.run() == []


@pytest.mark.parametrize(
    "name",
    ["=HYPERLINK(1)", "+33 école", "-1+2", "@SUM(A1)", "\tTab", "＝1+1"],  # noqa: RUF001
)
def test_no_name_becomes_a_formula(trade: Trade, sold: Invoice, name: str) -> None:
    with public_write("test"):
        Tenant.objects.filter(pk=trade.client.pk).update(name=name)
    registry.invalidate()
    found = statement.of(trade.reseller, statement.month_of("2026-11"))
    (_head, row, _total) = csv.reader(io.StringIO(statement.as_csv(found).decode("utf-8-sig")))
    assert row[0] == f"'{name}"


@pytest.mark.parametrize(
    "month", ["2026-13", "2026-00", "november", "2026", "0001-01", "9999-12-01", "2026-1"]
)
def test_a_month_that_is_none_says_how_to_write_it(owner: Any, month: str) -> None:
    answer = owner.get(PAGE, {"month": month})
    assert answer.status_code == 422
    assert "Write the month as 2026-11" in answer.content.decode()
    assert owner.get(f"{PAGE}csv/", {"month": month}).status_code == 422


def test_the_farthest_months_answer(owner: Any) -> None:
    for month in ("2000-01", "2999-12"):
        assert owner.get(PAGE, {"month": month}).status_code == 200


def test_a_client_that_was_deleted_keeps_its_lines(trade: Trade, sold: Invoice) -> None:
    from tremplin.billing.selectors import StatementRow

    found = statement.of(trade.reseller, statement.month_of("2026-11"))
    (row,) = found.rows
    assert (row.client, isinstance(row.line, StatementRow)) == (trade.client.name, True)
    assert [(total.client, total.margin_minor) for total in found.clients] == [
        (trade.client.name, 4750)
    ]
    assert [(total.margin_minor, total.ledger_minor) for total in found.totals] == [(4750, 4750)]


def test_the_invoices_of_the_trade_and_nobody_else_s(
    trade: Trade, sold: Invoice, owner: Any, signed_in: SignedIn
) -> None:
    with freeze(datetime.fromisoformat("2026-12-01T01:00:00+01:00")):
        engine.run_due()
    bill = Invoice.objects.get(tenant_id=trade.reseller.pk)
    page = owner.get("/reseller/invoices/").content.decode()
    assert (page.count("wholesale-row"), page.count("client-invoice-row")) == (1, 1)
    assert (bill.number in page, sold.number in page) == (True, True)
    for row in (bill, sold):
        answer = owner.get(f"/reseller/invoices/{row.pk}/pdf/")
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
        assert answer.content.startswith(b"%PDF")
    other = signed_in(trade.rival, "reseller_owner")
    for row in (bill, sold):
        assert other.get(f"/reseller/invoices/{row.pk}/pdf/").status_code == 404
        assert (
            other.post(f"/reseller/invoices/{row.pk}/paid/", {"reference": "x"}).status_code == 404
        )
    assert owner.get(f"/reseller/invoices/{uuid4()}/pdf/").status_code == 404


def test_a_reseller_says_that_its_client_paid(
    trade: Trade, sold: Invoice, owner: Any, signed_in: SignedIn, inside: Inside
) -> None:
    address = f"/reseller/invoices/{sold.pk}/paid/"
    assert owner.post(address, {"reference": ""}).status_code == 422
    staff = signed_in(trade.reseller, "reseller_staff")
    assert staff.post(address, {"reference": "VIR 1"}).status_code == 403
    answer = owner.post(address, {"reference": "VIR 1"}, follow=True)
    assert f"The invoice {sold.number} is paid." in answer.content.decode()
    sold.refresh_from_db()
    assert (sold.state, sold.paid_minor) == ("paid", 22800)
    # It is paid: there is nothing left to say.
    assert owner.post(address, {"reference": "VIR 2"}).status_code == 404
    with inside(trade.reseller):
        assert AuditEvent.objects.get(kind="reseller.invoice_settled").data == {
            "number": sold.number
        }
    with freeze(datetime.fromisoformat("2026-12-01T01:00:00+01:00")):
        engine.run_due()
    bill = Invoice.objects.get(tenant_id=trade.reseller.pk)
    # What the platform invoices is not the reseller's to settle.
    assert owner.post(f"/reseller/invoices/{bill.pk}/paid/", {"reference": "x"}).status_code == 404
    assert reconciliation.run() == []
