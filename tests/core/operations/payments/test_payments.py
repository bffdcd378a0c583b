"""Late and refused payments, transfers recorded by hand, and who may do it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.core.billing.engine.conftest import card, identify, make_price, purchase
from tests.core.operations.operator import operator
from tremplin.billing import engine, reconciliation
from tremplin.billing.models import Invoice, Payment
from tremplin.kernel.models import AuditEvent
from tremplin.operations.payments import selectors
from tremplin.testing import freeze

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

pytestmark = pytest.mark.django_db
NOW = datetime.fromisoformat("2026-11-20T09:00:00+01:00")
PAID = {
    "amount": "468", "received_on": "2026-11-19", "reference": "VIR 1", "reason": "statement 47",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _now(nothing_remembered: None) -> Any:
    with freeze(NOW):
        yield


@pytest.fixture
def clerk(hq: TenantInfo, inside: Any, client_for: Callable[..., Client]) -> Client:
    """Somebody of the billing office of hq."""
    return operator(hq, "billing", inside, client_for)


@pytest.fixture
def late(hq: TenantInfo, tenant_a: TenantInfo, tenant_b: TenantInfo) -> Invoice:
    """468.00 EUR (390.00 and VAT), due on 1 November."""
    identify(tenant_a, tenant_b)
    with freeze(datetime.fromisoformat("2026-10-02T09:00:00+02:00")):
        return purchase(tenant_a, make_price("ecole", 39000)).invoices.get()


def page(invoice: Invoice) -> str:
    """Return the address of an invoice."""
    return f"/platform/payments/{invoice.pk}/"


def test_the_late_ones_come_first_with_their_days(
    clerk: Client, late: Invoice, tenant_b: TenantInfo
) -> None:
    purchase(tenant_b, make_price("pro", 19000))
    today = date(2026, 11, 20)
    (row,) = selectors.invoice_rows(list(selectors.invoices("late", today)), today)
    assert (row.invoice, row.late_days, row.open_minor) == (late, 19, 46_800)
    assert [row.by_card, row.issuer] == [False, None]
    assert selectors.owed(today) == [
        selectors.Owed("EUR", open_minor=69_600, late_minor=46_800, open_count=2, late_count=1)
    ]
    for view, count in (("late", 1), ("open", 2), ("refused", 0), ("received", 0), ("x", 1)):
        answer = clerk.get("/platform/payments/", {"view": view})
        assert answer.status_code == 200
        assert answer.content.decode().count('data-testid="owed-') == (
            count if view not in ("refused", "received") else 0
        )
    found = clerk.get("/platform/payments/", {"view": "open", "q": late.number}).content.decode()
    assert found.count('data-testid="owed-') == 1


def test_a_transfer_is_recorded_once(
    clerk: Client, late: Invoice, hq: TenantInfo, inside: Any
) -> None:
    assert clerk.get(page(late)).status_code == 200
    assert clerk.post(page(late), PAID)["Location"] == page(late)
    late.refresh_from_db()
    assert (late.state, late.paid_minor) == ("paid", 46_800)
    # The same reference, then another one: nothing is paid twice.
    assert clerk.post(page(late), PAID).status_code == 409
    assert clerk.post(page(late), {**PAID, "reference": "VIR 2"}).status_code == 409
    assert list(Payment.objects.values_list("amount_minor", "state")) == [(46_800, "settled")]
    assert reconciliation.run() == []
    with inside(hq):
        row = AuditEvent.objects.get(kind="operations.marked_paid")
    assert (row.data["reason"], row.data["amount_minor"]) == ("statement 47", 46_800)
    received = clerk.get("/platform/payments/", {"view": "received"}).content.decode()
    assert received.count('data-testid="payment-row"') == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": "467.99"},
        {"amount": "468.01"},
        {"amount": "468.01", "is_part": "on"},
        {"amount": "0"},
        {"amount": "0", "is_part": "on"},
        {"amount": "-468"},
        {"amount": "468.001"},
        {"amount": ""},
        {"received_on": "2026-11-21"},
        {"received_on": "yesterday"},
        {"reference": ""},
        {"reference": "x" * 61},
        {"reason": ""},
    ],
)
def test_another_amount_or_a_missing_fact_is_refused(
    clerk: Client, late: Invoice, changed: dict[str, str]
) -> None:
    assert clerk.post(page(late), {**PAID, **changed}).status_code == 422
    late.refresh_from_db()
    assert (late.state, late.paid_minor, Payment.objects.count()) == ("open", 0, 0)


def test_a_part_payment_is_said(clerk: Client, late: Invoice) -> None:
    part = {**PAID, "amount": "100,50", "is_part": "on"}
    assert clerk.post(page(late), part).status_code == 302
    late.refresh_from_db()
    assert (late.state, late.paid_minor) == ("open", 10_050)
    assert clerk.post(page(late), {**PAID, "reference": "VIR 2"}).status_code == 422
    rest = {**PAID, "amount": "367.50", "reference": "VIR 2"}
    assert clerk.post(page(late), rest).status_code == 302
    late.refresh_from_db()
    assert (late.state, late.paid_minor) == ("paid", 46_800)


def test_francs_are_marked_paid_without_cents(
    clerk: Client, late: Invoice, tenant_b: TenantInfo
) -> None:
    from tenants.context import public_write
    from tremplin.billing import services

    account = services.account_of(tenant_b)
    account.currency = "XOF"
    with public_write("test"):
        account.save()
    francs = purchase(tenant_b, make_price("pro", 250_000, currency="XOF")).invoices.get()
    assert francs.total_minor == 300_000
    assert clerk.post(page(francs), {**PAID, "amount": "300000.5"}).status_code == 422
    assert clerk.post(page(francs), {**PAID, "amount": "300 000"}).status_code == 302
    francs.refresh_from_db()
    assert (francs.state, francs.paid_minor) == ("paid", 300_000)


def test_a_refused_card_is_listed_and_tried_again(
    clerk: Client, late: Invoice, tenant_b: TenantInfo, hq: TenantInfo, inside: Any
) -> None:
    pro = make_price("pro", 19000)
    with freeze(datetime.fromisoformat("2026-10-15T09:00:00+02:00")):
        subscription = card(tenant_b, pro, "4000000000000341")
    with freeze(datetime.fromisoformat("2026-11-15T09:00:00+01:00")):
        engine.run_due()
    renewal = Invoice.objects.get(subscription=subscription, state="open")
    rows = selectors.invoice_rows(list(selectors.invoices("late", date(2026, 11, 20))), NOW.date())
    by_number = {row.invoice.pk: row for row in rows}
    assert (by_number[renewal.pk].by_card, len(by_number[renewal.pk].refusals)) == (True, 1)
    refused = clerk.get("/platform/payments/", {"view": "refused"}).content.decode()
    assert refused.count('data-testid="payment-row"') == 1
    url = f"{page(renewal)}retry/"
    assert clerk.post(url, {"reason": ""}).status_code == 422
    assert clerk.post(url, {"reason": "asked by phone"}).status_code == 302
    assert renewal.payments.filter(state="failed").count() == 2
    with inside(hq):
        row = AuditEvent.objects.get(kind="operations.payment_retried")
    assert (row.data["reason"], row.data["paid"]) == ("asked by phone", False)
    assert clerk.post(page(renewal), {**PAID, "amount": "228"}).status_code == 302
    assert clerk.post(url, {"reason": "asked by phone"}).status_code == 409


def test_the_list_s_queries_do_not_follow_the_invoices(
    late: Invoice, space: Callable[[str], TenantInfo]
) -> None:
    today = date(2026, 11, 20)

    def read() -> int:
        return len(selectors.invoice_rows(list(selectors.invoices("open", today)), today))

    read()
    with CaptureQueriesContext(connection) as few:
        assert read() == 1
    company = space("volteo")
    identify(company)
    for number in range(4):
        purchase(company, make_price(f"module-{number}", 1000, module=f"m{number}"))
    with CaptureQueriesContext(connection) as many:
        assert read() == 5
    assert len(many) == len(few)


def test_who_comes_in(
    late: Invoice,
    hq: TenantInfo,
    tenant_a: TenantInfo,
    clerk: Client,
    inside: Any,
    client_for: Callable[..., Client],
    space: Callable[[str], TenantInfo],
) -> None:
    pages = [
        "/platform/payments/",
        page(late),
        "/platform/revenue/",
        "/platform/revenue/months.csv",
    ]
    ada = operator(hq, "platform_admin", inside, client_for)
    for allowed in (ada, clerk):
        assert [allowed.get(url).status_code for url in pages] == [200] * 4
    support = operator(hq, "support", inside, client_for)
    assert [support.get(url).status_code for url in pages] == [403] * 4
    assert support.post(page(late), PAID).status_code == 403
    # Billing collects; plans and spaces are not its business.
    others = ["/platform/", "/platform/plans/", f"/platform/spaces/{tenant_a.uuid}/"]
    assert [clerk.get(url).status_code for url in others] == [403] * 3
    for place, role in ((tenant_a, "admin"), (space("passerelle"), "reseller_owner")):
        someone = operator(place, role, inside, client_for)
        assert [someone.get(url).status_code for url in pages] == [404] * 4
        assert someone.post(page(late), PAID).status_code == 404
    assert Payment.objects.count() == 0


def test_drafts_and_credit_notes_have_no_page(clerk: Client, late: Invoice) -> None:
    from tremplin.billing import invoicing

    note = invoicing.credit(late, lines=None, reason="test", at=NOW)
    assert clerk.get(page(note)).status_code == 404
    assert clerk.get("/platform/payments/00000000-0000-4000-8000-000000000000/").status_code == 404
    assert clerk.post(page(late), PAID).status_code == 409
