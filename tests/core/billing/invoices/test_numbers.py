"""Numbers: continuous under concurrency and rollbacks, per issuer, across years."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest

from tests.core.billing.invoices.conftest import AT, line
from tests.support import legal_identity

THREADS = 8
WANTED = 350


class Stopped(Exception):
    """The payment failed after the number was taken."""


def test_three_hundred_and_fifty_at_once_leave_no_gap(own_database):
    from django.db import connection, transaction

    from tenants import registry
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing import integrity
    from tremplin.billing.models import Invoice, InvoiceSeries

    hq, school = registry.by_slug("hq"), registry.by_slug("mecaformation")
    legal_identity.give(hq)
    account = legal_identity.give(school)
    chance = random.Random(7)
    fates = [chance.random() < 0.15 for _ in range(WANTED + 80)]

    def issue(fails: bool) -> int:
        try:
            with transaction.atomic():
                draft = invoicing.build(
                    [line()],
                    account=account,
                    tenant_id=school.pk,
                    provider="invoice",
                    currency="EUR",
                    due_on=date(2026, 12, 21),
                )
                done = invoicing.finalise(draft, at=AT)
                if fails:
                    raise Stopped
                return done.sequence
        except Stopped:
            return 0
        finally:
            connection.close()

    kept = 0
    plan = []
    for fails in fates:
        if kept == WANTED:
            break
        plan.append(fails)
        kept += not fails
    assert kept == WANTED
    with ThreadPoolExecutor(THREADS) as pool:
        numbers = sorted(number for number in pool.map(issue, plan) if number)
    assert len(plan) - WANTED == sum(plan)
    assert numbers == list(range(1, WANTED + 1))
    stored = Invoice.objects.order_by("sequence").values_list("number", flat=True)
    assert list(stored) == [f"F-2026-{n:06d}" for n in range(1, WANTED + 1)]
    assert InvoiceSeries.objects.get().last_number == WANTED
    report = integrity.verify()
    assert (report.invoices, report.series, report.findings) == (WANTED, 1, ())


def test_each_issuer_counts_alone(issued, space):
    from tests.support import legal_identity as identity

    passerelle, autre = space("passerelle"), space("autre")
    identity.give(passerelle)
    identity.give(autre)
    found = [
        issued().number,
        issued(issuer_tenant_id=passerelle.pk).number,
        issued(issuer_tenant_id=passerelle.pk).number,
        issued(issuer_tenant_id=autre.pk).number,
        issued().number,
    ]
    assert found == [
        "F-2026-000001",
        "F-2026-000001",
        "F-2026-000002",
        "F-2026-000001",
        "F-2026-000002",
    ]


def test_a_reseller_is_the_seller_on_its_invoice(issued, space):
    passerelle = space("passerelle")
    legal_identity.give(passerelle)
    assert issued(issuer_tenant_id=passerelle.pk).seller["name"] == "Passerelle Conseil SARL"
    assert issued().seller["name"] == "Tremplin SAS"


def test_the_year_changes_at_midnight_in_the_zone_of_the_issuer(issued):
    # 31 December, 23:30 in Paris is 22:30 UTC; half an hour later it is 2027.
    before = issued(at=datetime(2026, 12, 31, 22, 30, tzinfo=UTC))
    after = issued(at=datetime(2026, 12, 31, 23, 0, tzinfo=UTC))
    assert (before.number, before.issued_on) == ("F-2026-000001", date(2026, 12, 31))
    assert (after.number, after.issued_on) == ("F-2027-000001", date(2027, 1, 1))
    late = issued(at=datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC))
    assert (late.number, late.issued_on) == ("F-2026-000002", date(2026, 12, 31))


def test_the_date_never_goes_back(issued):
    issued(at=datetime(2026, 11, 21, 13, 0, tzinfo=UTC))
    older = issued(at=datetime(2026, 11, 3, 13, 0, tzinfo=UTC), due_on=date(2026, 11, 10))
    assert (older.number, older.issued_on, older.due_on) == (
        "F-2026-000002",
        date(2026, 11, 21),
        date(2026, 11, 21),
    )


def test_the_platform_of_a_demo_counts_without_the_year(issued, settings):
    settings.MODE = "demo"
    first = issued(at=datetime(2026, 12, 31, 12, 0, tzinfo=UTC))
    second = issued(at=datetime(2027, 1, 2, 12, 0, tzinfo=UTC))
    assert (first.number, second.number) == ("INV-0001", "INV-0002")


def test_an_issuer_chooses_its_form_before_the_first_number(issued, space):
    from tremplin.billing.invoicing import numbering
    from tremplin.billing.invoicing.errors import BadTemplate

    reseller = space("passerelle")
    legal_identity.give(reseller)
    numbering.choose_template(reseller.pk, "invoice", "PC/{year}/{n:04d}")
    assert issued(issuer_tenant_id=reseller.pk).number == "PC/2026/0001"
    with pytest.raises(BadTemplate) as used:
        numbering.choose_template(reseller.pk, "invoice", "X{n}")
    assert (used.value.status, used.value.code) == (409, "number_used")
    with pytest.raises(BadTemplate) as taken:
        numbering.choose_template(reseller.pk, "credit_note", "PC/{year}/{n:04d}")
    assert (taken.value.status, taken.value.code) == (422, "number_taken")


@pytest.mark.parametrize(
    "template",
    ["", "F", "{n}{n}", "{year}{year}{n}", "{n.__class__}", "{n:9999d}", "{n} é", "A" * 40 + "{n}"],
)
def test_a_form_that_cannot_be_printed_is_refused(db, template):
    from tremplin.billing.invoicing import numbering
    from tremplin.billing.invoicing.errors import BadTemplate
    from tremplin.billing.models import InvoiceSeries

    with pytest.raises(BadTemplate) as refused:
        numbering.choose_template(None, "invoice", template)
    assert (refused.value.status, refused.value.code) == (422, "number_form")
    assert InvoiceSeries.objects.count() == 0


def test_a_number_is_taken_inside_a_transaction_only(own_database):
    from tremplin.billing.invoicing import numbering

    with pytest.raises(RuntimeError, match="inside the transaction"):
        numbering.take(None, "invoice", date(2026, 11, 21))
