"""Credit notes: partial, full, to the cent, never more than the invoice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pytest

from tests.core.billing.invoices.conftest import AT, line
from tests.support import legal_identity


def test_a_full_credit_mirrors_the_invoice_and_voids_it(issued):
    from tremplin.billing import invoicing

    found = issued(line(cost_minor=14_250), line(quantity=-1, unit_minor=4_950))
    note = invoicing.credit(found, lines=None, reason="Ordered twice", at=AT)
    found.refresh_from_db()
    assert (found.state, found.credited_minor) == ("void", 16_860)
    assert (note.kind, note.number, note.state) == ("credit_note", "A-2026-000001", "paid")
    assert (note.net_minor, note.tax_minor, note.total_minor) == (14_050, 2_810, 16_860)
    assert (note.corrects_id, note.seller, note.buyer) == (found.pk, found.seller, found.buyer)
    assert [(row.net_minor, row.cost_minor) for row in note.lines.all()] == [
        (19_000, 14_250),
        (-4_950, None),
    ]
    assert [item["text"] for item in note.notes] == [
        "Avoir sur la facture F-2026-000001 du 21 novembre 2026.",
        "Ordered twice",
        "Catégorie de l’opération\u202f: prestation de services.",
    ]


def test_the_rest_closes_to_the_cent(issued):
    from tremplin.billing import invoicing

    # 100.03 at 20 % is 20.006; half of it credited first leaves a rest that rounds differently.
    found = issued(line(unit_minor=10_003))
    assert (found.tax_minor, found.total_minor) == (2_001, 12_004)
    first = invoicing.credit(found, lines=[line(unit_minor=5_002)], reason="", at=AT)
    assert (first.tax_minor, first.total_minor, found.state) == (1_000, 6_002, "open")
    rest = invoicing.credit(found, lines=None, reason="", at=AT)
    assert (rest.net_minor, rest.tax_minor, rest.total_minor) == (5_001, 1_001, 6_002)
    found.refresh_from_db()
    assert (found.credited_minor, found.state) == (12_004, "void")
    assert rest.lines.get().description == "Solde de la facture F-2026-000001"


def test_a_refund_states_its_vat_to_the_cent(issued):
    from tremplin.billing import invoicing
    from tremplin.billing.lines import TaxTotal
    from tremplin.billing.models import Invoice

    # 3 cents at 20 %: no net rounds to it (2 + 0, 3 + 1).
    found = issued()
    exact = [TaxTotal(Decimal("20.00"), "S", 2, 1)]
    note = invoicing.credit(found, lines=[line(unit_minor=2)], reason="", at=AT, taxes=exact)
    assert (note.net_minor, note.tax_minor, note.total_minor) == (2, 1, 3)
    rest = invoicing.credit(found, lines=None, reason="", at=AT)
    assert (rest.net_minor, rest.tax_minor, rest.total_minor) == (18_998, 3_799, 22_797)
    with pytest.raises(ValueError, match="not that of the lines"):
        invoicing.credit(issued(), lines=[line(unit_minor=3)], reason="", at=AT, taxes=exact)
    assert Invoice.objects.count() == 4


def test_a_paid_invoice_stays_paid(issued):
    from tenants.context import public_write
    from tremplin.billing import invoicing

    found = issued()
    with public_write("test"):
        found.state, found.paid_minor = "paid", 22_800
        found.save()
    invoicing.credit(found, lines=None, reason="", at=AT)
    found.refresh_from_db()
    assert (found.state, found.credited_minor) == ("paid", 22_800)


def test_never_more_than_the_invoice(issued):
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing.errors import CreditTooLarge
    from tremplin.billing.models import Invoice, InvoiceSeries

    found = issued()
    invoicing.credit(found, lines=[line(unit_minor=10_000)], reason="", at=AT)
    with pytest.raises(CreditTooLarge) as refused:
        invoicing.credit(found, lines=[line(unit_minor=9_001)], reason="", at=AT)
    assert (refused.value.status, refused.value.extra) == (422, {"left_minor": 10_800})
    invoicing.credit(found, lines=[line(unit_minor=9_000)], reason="", at=AT)
    with pytest.raises(CreditTooLarge) as refused:
        invoicing.credit(found, lines=None, reason="", at=AT)
    assert refused.value.extra == {"left_minor": 0}
    assert Invoice.objects.filter(kind="credit_note").count() == 2
    assert InvoiceSeries.objects.get(code="credit_note").last_number == 2


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"tax_rate": Decimal("5.50")}, "invoice_unknown_rate"),
        ({"unit_minor": 0}, "bad_amount"),
        ({"quantity": -1}, "invoice_below_zero"),
    ],
)
def test_lines_that_credit_nothing_sensible_are_refused(issued, fields, code):
    from tremplin.api import Problem
    from tremplin.billing import invoicing
    from tremplin.billing.models import Invoice

    found = issued()
    with pytest.raises(Problem) as refused:
        invoicing.credit(found, lines=[line(**fields)], reason="", at=AT)
    assert (refused.value.status, refused.value.code) == (422, code)
    assert Invoice.objects.count() == 1


def test_drafts_and_credit_notes_are_not_credited(issued, draft):
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing.errors import InvoiceRefused

    note = invoicing.credit(issued(), lines=None, reason="", at=AT)
    for wrong in (note, draft()):
        with pytest.raises(InvoiceRefused) as refused:
            invoicing.credit(wrong, lines=None, reason="", at=AT)
        assert refused.value.code == "invoice_not_an_invoice"


def test_the_note_names_the_invoice_in_the_xml(issued):
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing import files

    note = invoicing.credit(issued(), lines=None, reason="", at=AT)
    xml = files.xml_of(note).decode()
    assert "<ram:TypeCode>381</ram:TypeCode>" in xml
    assert "<ram:IssuerAssignedID>F-2026-000001</ram:IssuerAssignedID>" in xml
    assert "<ram:GrandTotalAmount>228.00</ram:GrandTotalAmount>" in xml


def test_two_people_who_credit_at_once_credit_once(own_database):
    from django.db import connection

    from tenants import registry
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing.errors import CreditTooLarge
    from tremplin.billing.models import Invoice

    school = registry.by_slug("mecaformation")
    legal_identity.give(registry.by_slug("hq"))
    draft = invoicing.build(
        [line()],
        account=legal_identity.give(school),
        tenant_id=school.pk,
        provider="invoice",
        currency="EUR",
        due_on=date(2026, 12, 21),
    )
    found = invoicing.finalise(draft, at=AT)

    def attempt(_turn: int) -> str:
        try:
            row = Invoice.objects.get(pk=found.pk)
            return invoicing.credit(row, lines=None, reason="", at=AT).number
        except CreditTooLarge:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        outcomes = sorted(pool.map(attempt, range(6)))
    assert outcomes == ["A-2026-000001", *["refused"] * 5]
    found.refresh_from_db()
    assert (found.credited_minor, found.state) == (22_800, "void")
