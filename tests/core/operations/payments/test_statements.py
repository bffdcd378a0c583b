"""The import of bank statements: what each line would do, and that it is recorded once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.core.billing.engine.conftest import identify, make_price, purchase
from tests.core.licensing.test_consumption import at_once
from tests.core.operations.operator import operator
from tests.core.operations.payments.statements import Movement, camt, collective
from tremplin.billing import reconciliation
from tremplin.billing.models import Invoice, Payment
from tremplin.kernel.models import AuditEvent
from tremplin.operations.models import BankEntry, BankStatement
from tremplin.testing import freeze

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

NOW = datetime.fromisoformat("2026-11-20T09:00:00+01:00")
INDEX = "/platform/payments/statements/"


@pytest.fixture(autouse=True)
def _now(nothing_remembered: None) -> Any:
    with freeze(NOW, every_thread=True):
        yield


@pytest.fixture
def clerk(hq: TenantInfo, inside: Any, client_for: Callable[..., Client]) -> Client:
    """Somebody of the billing office of hq."""
    return operator(hq, "billing", inside, client_for)


@pytest.fixture
def owed(hq: TenantInfo, tenant_a: TenantInfo, tenant_b: TenantInfo) -> list[Invoice]:
    """468.00 EUR and 228.00 EUR, VAT included."""
    identify(tenant_a, tenant_b)
    return [
        purchase(tenant_a, make_price("ecole", 39000)).invoices.get(),
        purchase(tenant_b, make_price("pro", 19000)).invoices.get(),
    ]


def send(client: Client, data: bytes, name: str = "releve.xml") -> str:
    """Upload a statement and return the address of its page."""
    answer = client.post(INDEX, {"file": SimpleUploadedFile(name, data)})
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def states(client: Client, page: str) -> list[str]:
    """Return the state of each line, in the order of the file."""
    return re.findall(r'data-testid="line-\d+" data-state="(\w+)"', text(client, page))


def text(client: Client, page: str) -> str:
    """Return a page that is there."""
    answer = client.get(page)
    assert answer.status_code == 200
    return answer.content.decode()


def digest(client: Client, page: str) -> str:
    """Return what the page's form confirms, empty without a form."""
    found = re.search(r'name="digest" value="(\w+)"', text(client, page))
    return found[1] if found else ""


def confirm(client: Client, page: str) -> int:
    """Confirm what the page shows."""
    return client.post(page, {"digest": digest(client, page)}).status_code


def settled() -> list[tuple[str, int]]:
    """Return the payments: the number of the invoice and the amount."""
    rows = Payment.objects.filter(state="settled").order_by("invoice__number")
    return list(rows.values_list("invoice__number", "amount_minor"))


@pytest.mark.django_db
def test_a_statement_is_looked_at_then_recorded_once(
    clerk: Client, owed: list[Invoice], hq: TenantInfo, inside: Any
) -> None:
    first, second = owed
    data = camt(
        Movement(f"VIR {first.number} NOVA", ref="B1"),
        Movement(f"facture {second.number.replace('-', ' ')}", amount="228.00", ref="B2"),
        Movement(f"{first.number}", ref="B3"),
        Movement("INV-9999", ref="B4"),
        Movement("EDF", side="DBIT", ref="B5"),
        Movement(first.number, ref="B6", reversal=True),
        Movement(first.number, ref="B7", status="PDNG"),
        Movement(first.number, amount="0", ref="B8"),
    )
    page = send(clerk, data)
    before = ["pay", "pay", "settled", "not_found", "debit", "reversal", "pending", "unreadable"]
    assert states(clerk, page) == before
    assert settled() == []
    assert 'data-testid="statement-sum">696,00\u202fEUR<' in text(clerk, page)
    assert states(clerk, f"{page}?state=debit") == ["debit"]
    assert confirm(clerk, page) == 302
    assert settled() == [(first.number, 46_800), (second.number, 22_800)]
    assert states(clerk, page) == ["known", "known", *before[2:]]
    payment = Payment.objects.get(invoice=first)
    assert (payment.provider_ref, payment.method) == (f"{first.pk}:B1", "transfer")
    assert payment.at.isoformat() == "2026-11-19T11:00:00+00:00"
    # The same file again, and a second click: nothing changes.
    again = send(clerk, data, "again.xml")
    assert states(clerk, again) == ["known", "known", *before[2:]]
    assert [confirm(clerk, again), confirm(clerk, page)] == [409, 409]
    assert settled() == [(first.number, 46_800), (second.number, 22_800)]
    assert reconciliation.run() == []
    with inside(hq):
        assert BankEntry.objects.count() == 2
        kinds = Counter(
            AuditEvent.objects.filter(kind__startswith="operations.").values_list("kind", flat=True)
        )
        marked = AuditEvent.objects.filter(kind="operations.marked_paid").latest("id")
        recorded = AuditEvent.objects.get(kind="operations.statement_recorded")
    assert kinds == {
        "operations.statement_read": 2,
        "operations.marked_paid": 2,
        "operations.statement_recorded": 1,
    }
    assert (marked.data["number"], marked.data["reference"]) == (second.number, "B2")
    assert marked.data["reason"] == recorded.target
    assert recorded.data["entries"] == recorded.data["invoices"] == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("amount", "currency", "day", "state"),
    [
        ("468.00", "EUR", "2026-11-20", "pay"),
        ("467.99", "EUR", "2026-11-19", "part"),
        ("468.01", "EUR", "2026-11-19", "over"),
        ("468.00", "CHF", "2026-11-19", "currency"),
        ("468", "XOF", "2026-11-19", "currency"),
        ("468.001", "EUR", "2026-11-19", "unreadable"),
        ("468.00", "EUR", "2026-11-21", "future"),
    ],
)
def test_only_the_exact_sum_is_recorded(
    clerk: Client, owed: list[Invoice], amount: str, currency: str, day: str, state: str
) -> None:
    movement = Movement(owed[0].number, amount=amount, currency=currency, day=day)
    page = send(clerk, camt(movement))
    assert states(clerk, page) == [state]
    assert confirm(clerk, page) == (302 if state == "pay" else 409)
    assert settled() == ([(owed[0].number, 46_800)] if state == "pay" else [])


@pytest.mark.django_db
def test_a_part_payment_is_confirmed_on_the_invoice_s_page(
    clerk: Client, owed: list[Invoice]
) -> None:
    page = send(clerk, camt(Movement(owed[0].number, amount="100.50", ref="B1")))
    assert states(clerk, page) == ["part"]
    link = re.search(r'href="([^"]+)" data-testid="confirm-1"', text(clerk, page))
    assert link is not None
    form = text(clerk, link[1].replace("&amp;", "&"))
    for name, value in (("amount", "100.50"), ("received_on", "2026-11-19"), ("reference", "B1")):
        assert re.search(rf'name="{name}" value="{value}"', form), name
    by_hand = {
        "amount": "100.50", "is_part": "on", "received_on": "2026-11-19", "reference": "B1",
        "reason": "part payment",
    }  # fmt: skip
    assert clerk.post(f"/platform/payments/{owed[0].pk}/", by_hand).status_code == 302
    assert settled() == [(owed[0].number, 10_050)]
    assert states(clerk, page) == ["known"]
    rest = send(clerk, camt(Movement(owed[0].number, amount="367.50", ref="B2")))
    assert (states(clerk, rest), confirm(clerk, rest)) == (["pay"], 302)
    owed[0].refresh_from_db()
    assert (owed[0].state, owed[0].paid_minor) == ("paid", 46_800)


@pytest.mark.django_db
def test_two_invoices_in_one_label(clerk: Client, owed: list[Invoice]) -> None:
    label = " et ".join(one.number for one in owed)
    for amount, state in (("695.99", "several"), ("468.00", "several"), ("696.00", "pay")):
        page = send(clerk, camt(Movement(label, amount=amount, ref=f"B{amount}")))
        assert states(clerk, page) == [state]
    assert confirm(clerk, page) == 302
    assert settled() == [(owed[0].number, 46_800), (owed[1].number, 22_800)]
    assert states(clerk, page) == ["known"]
    assert reconciliation.run() == []


@pytest.mark.django_db
def test_a_collective_entry_pays_each_of_its_invoices(clerk: Client, owed: list[Invoice]) -> None:
    parts = (("468.00", owed[0].number), ("228.00", owed[1].number))
    page = send(clerk, camt(body=collective(*parts, total="696.00")))
    assert (states(clerk, page), confirm(clerk, page)) == (["pay", "pay"], 302)
    assert settled() == [(owed[0].number, 46_800), (owed[1].number, 22_800)]


@pytest.mark.django_db
def test_an_order_is_a_reference_too(clerk: Client, owed: list[Invoice]) -> None:
    assert owed[0].order is not None
    page = send(clerk, camt(Movement(f"CDE {owed[0].order.pk} {owed[0].number}")))
    assert (states(clerk, page), confirm(clerk, page)) == (["pay"], 302)
    assert settled() == [(owed[0].number, 46_800)]


@pytest.mark.django_db
@pytest.mark.parametrize("amount", ["300 000", "300000", "300000.00"])
def test_francs_have_no_cents(
    clerk: Client, owed: list[Invoice], tenant_b: TenantInfo, amount: str
) -> None:
    from tenants.context import public_write
    from tremplin.billing import services

    account = services.account_of(tenant_b)
    account.currency = "XOF"
    with public_write("test"):
        account.save()
    price = make_price("module-x", 250_000, currency="XOF", module="x")
    francs = purchase(tenant_b, price).invoices.get()
    sheet = (
        "Date;Montant;Devise;Libellé;Contrepartie\n"
        f"19/11/2026;{amount};XOF;{francs.number};École\n"
        f"19/11/2026;300000,5;XOF;{francs.number};École\n"
        f"19/11/2026;468,00;EUR;{francs.number};École\n"
    )
    page = send(clerk, sheet.encode("cp1252"), "releve.csv")
    assert states(clerk, page) == ["pay", "unreadable", "currency"]
    assert confirm(clerk, page) == 302
    assert settled() == [(francs.number, 300_000)]


@pytest.mark.django_db
def test_what_a_reseller_invoiced_is_not_paid_here(clerk: Client, owed: list[Invoice],
                                                   tenant_b: TenantInfo) -> None:  # fmt: skip
    from tenants.context import public_write
    from tremplin.billing.models import InvoiceSeries

    series = owed[0].series
    assert series is not None
    with public_write("test"):
        InvoiceSeries.objects.filter(pk=series.pk).update(issuer_tenant_id=tenant_b.pk)
    page = send(clerk, camt(Movement(owed[0].number)))
    assert states(clerk, page) == ["issuer"]
    assert confirm(clerk, page) == 409


@pytest.mark.django_db
def test_nothing_is_recorded_when_something_changed(
    clerk: Client, owed: list[Invoice], hq: TenantInfo, inside: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from tremplin.billing import invoicing
    from tremplin.operations.payments import services as payments
    from tremplin.operations.payments.services import AlreadyPaid

    data = camt(Movement(owed[0].number), Movement(owed[1].number, amount="228.00"))
    page = send(clerk, data)
    seen = digest(clerk, page)
    assert clerk.post(page, {}).status_code == 409
    real = payments.mark_paid

    def second_fails(invoice: Invoice, *args: Any, **kwargs: Any) -> Invoice:
        if invoice.pk == owed[1].pk:
            raise AlreadyPaid(invoice.number)
        return real(invoice, *args, **kwargs)

    monkeypatch.setattr(payments, "mark_paid", second_fails)
    answer = clerk.post(page, {"digest": seen})
    monkeypatch.undo()
    assert answer.status_code == 409
    assert settled() == []
    with inside(hq):
        assert BankEntry.objects.count() == 0
        assert AuditEvent.objects.filter(kind="operations.marked_paid").count() == 0
    invoicing.credit(owed[1], lines=None, reason="test", at=NOW)
    assert clerk.post(page, {"digest": seen}).status_code == 409
    assert settled() == []
    assert states(clerk, page) == ["pay", "settled"]


@pytest.mark.django_db
def test_a_file_that_cannot_be_read_leaves_nothing(
    clerk: Client, owed: list[Invoice], hq: TenantInfo, inside: Any
) -> None:
    bomb = b'<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><d>&b;</d>'
    for data in (b"", bomb, camt(Movement("x"))[:-9], b"<" * 60 * 1024 * 1024, b"a,b\n1,2\n"):
        answer = clerk.post(INDEX, {"file": SimpleUploadedFile("x.xml", data)})
        assert answer.status_code == 422
        assert 'id="id_file_error"' in answer.content.decode()
    assert clerk.post(INDEX, {}).status_code == 422
    with inside(hq):
        assert BankStatement.objects.count() == 0
        assert AuditEvent.objects.filter(kind="operations.statement_read").count() == 0


@pytest.mark.django_db
def test_the_lines_are_kept_by_hq_alone_for_a_week(
    clerk: Client, owed: list[Invoice], hq: TenantInfo, tenant_a: TenantInfo, inside: Any
) -> None:
    from tremplin.operations.tasks import forget_pending

    page = send(clerk, camt(Movement(owed[0].number, party="Zoé Unique")))
    assert "Zoé Unique" in text(clerk, page)
    assert confirm(clerk, page) == 302
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(p::text, ' ') FROM public.billing_payment p"
            " UNION ALL SELECT string_agg(e::text, ' ') FROM public.billing_providerevent e"
        )
        assert not any("Unique" in (row[0] or "") for row in cursor.fetchall())
    with inside(tenant_a):
        assert BankStatement.objects.count() == 0
    with inside(hq):
        assert "Unique" in str(BankStatement.objects.get().lines)
        assert "Unique" not in str(list(BankEntry.objects.values()))
    with inside(hq), freeze("2026-11-27T08:00:00+01:00"):
        forget_pending()
        assert BankStatement.objects.count() == 1
    with inside(hq), freeze("2026-11-27T09:00:00+01:00"):
        forget_pending()
        assert (BankStatement.objects.count(), BankEntry.objects.count()) == (0, 1)
    assert clerk.get(page).status_code == 404


@pytest.mark.django_db
def test_who_comes_in(
    clerk: Client,
    owed: list[Invoice],
    hq: TenantInfo,
    tenant_a: TenantInfo,
    inside: Any,
    client_for: Callable[..., Client],
) -> None:
    data = camt(Movement(owed[0].number))
    page = send(clerk, data)
    seen = digest(clerk, page)
    support = operator(hq, "support", inside, client_for)
    admin = operator(tenant_a, "admin", inside, client_for)
    for somebody, status in ((support, 403), (admin, 404)):
        upload = {"file": SimpleUploadedFile("x.xml", data)}
        assert [
            somebody.get(INDEX).status_code,
            somebody.get(page).status_code,
            somebody.post(INDEX, upload).status_code,
            somebody.post(page, {"digest": seen}).status_code,
        ] == [status] * 4
    assert settled() == []
    ada = operator(hq, "platform_admin", inside, client_for)
    assert (ada.post(page, {"digest": seen}).status_code, len(settled())) == (302, 1)
    assert 'data-testid="payments-statements"' in text(ada, "/platform/payments/")


@pytest.mark.django_db
def test_the_queries_do_not_follow_the_lines(
    owed: list[Invoice], hq: TenantInfo, inside: Any
) -> None:
    from tremplin.operations.payments.statements import reading
    from tremplin.operations.payments.statements.matching import plan_of

    def states_of(many: int) -> tuple[list[str], int]:
        lines = [Movement(owed[0].number), Movement(owed[1].number, amount="228.00")] * many
        entries = reading.read(camt(*lines))
        with inside(hq), CaptureQueriesContext(connection) as queries:
            plan = plan_of(entries, NOW.date())
            return [row.state for row in plan.rows], len(queries)

    states_of(1)
    few, many = states_of(1), states_of(300)
    assert few[0] == ["pay", "pay"]
    assert many[0] == ["pay", "pay"] + ["settled"] * 598
    assert few[1] == many[1]


def test_two_operators_at_once_record_once(
    own_database: str, inside: Any, client_for: Callable[..., Client]
) -> None:
    from tenants import registry

    hq, school = registry.hq(), registry.by_slug("mecaformation")
    assert hq is not None
    assert school is not None
    identify(school)
    invoice = purchase(school, make_price("ecole", 39000)).invoices.get()
    other = purchase(school, make_price("extra", 19000, module="extra")).invoices.get()
    both = [operator(hq, role, inside, client_for) for role in ("billing", "platform_admin")]
    # One reads the lines in another order: they are locked in the same one.
    lines = [Movement(invoice.number, ref="B1"),
             Movement(other.number, amount="228.00", ref="B2")]  # fmt: skip
    pages = [send(both[0], camt(*lines)), send(both[1], camt(*reversed(lines)))]
    seen = [digest(client, page) for client, page in zip(both, pages, strict=True)]

    def click(number: int) -> int:
        which = number % 2
        return both[which].post(pages[which], {"digest": seen[which]}).status_code

    assert Counter(at_once(6, click, threads=6)) == {302: 1, 409: 5}
    assert settled() == sorted([(invoice.number, 46_800), (other.number, 22_800)])
    with inside(hq):
        assert BankEntry.objects.count() == 2
    assert [states(client, page) for client, page in zip(both, pages, strict=True)] == [
        ["known", "known"], ["known", "known"],
    ]  # fmt: skip
    assert reconciliation.run() == []
