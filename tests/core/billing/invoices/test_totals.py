"""Drafts: amounts to the cent, and what cannot be an invoice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.core.billing.invoices.conftest import line


def test_vat_is_computed_once_per_rate_and_rounded_half_up(draft):
    # Three lines of 0.13 at 20 %: 0.078 together, where line by line would give 0.09.
    found = draft(
        *[line(unit_minor=13) for _ in range(3)],
        line(unit_minor=10, tax_rate=Decimal("5.50")),
        line(unit_minor=1_050, tax_rate=Decimal("10.00")),
    )
    assert (found.net_minor, found.tax_minor, found.total_minor) == (1_099, 114, 1_213)
    assert found.taxes == [
        {"rate": "5.50", "category": "S", "net_minor": 10, "tax_minor": 1},
        {"rate": "10.00", "category": "S", "net_minor": 1_050, "tax_minor": 105},
        {"rate": "20.00", "category": "S", "net_minor": 39, "tax_minor": 8},
    ]


def test_a_credit_line_lowers_its_own_rate(draft):
    found = draft(line(unit_minor=19_000), line(quantity=-1, unit_minor=4_950))
    assert [row.net_minor for row in found.lines.all()] == [19_000, -4_950]
    assert (found.net_minor, found.tax_minor, found.total_minor) == (14_050, 2_810, 16_860)


def test_nothing_owed_is_an_invoice_of_zero_that_is_paid(issued, at):
    found = issued(line(unit_minor=5_000), line(quantity=-1, unit_minor=5_000))
    assert (found.total_minor, found.state, found.paid_at) == (0, "paid", at)


@pytest.mark.parametrize(
    ("lines", "currency", "reason"),
    [
        ([], "EUR", "no_lines"),
        ([{"quantity": -1}], "EUR", "below_zero"),
        ([{"unit_minor": 100}], "TND", "currency"),
    ],
)
def test_what_is_no_invoice_is_refused(seller, buyer, lines, currency, reason):
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing.errors import InvoiceRefused
    from tremplin.billing.models import Invoice

    with pytest.raises(InvoiceRefused) as refused:
        invoicing.build(
            [line(**fields) for fields in lines],
            account=buyer,
            tenant_id=buyer.tenant_id,
            provider="invoice",
            currency=currency,
            due_on=date(2026, 12, 21),
        )
    assert (refused.value.status, refused.value.code) == (422, f"invoice_{reason}")
    assert Invoice.objects.count() == 0


def test_francs_have_no_cents(draft):
    found = draft(
        line(unit_minor=5_000, tax_rate=Decimal("0.00"), tax_category="O"), currency="XOF"
    )
    assert (found.net_minor, found.tax_minor, found.total_minor) == (5_000, 0, 5_000)


def test_descriptions_lose_controls_and_are_cut_at_three_hundred_characters(draft):
    found = draft(
        line(description="a\x00b\r\nc\x1b"), line(description="é" * 400), line(description="\x07")
    )
    assert [row.description for row in found.lines.all()] == ["ab  c", "é" * 299 + "…", "-"]


@pytest.mark.parametrize(
    ("minor", "currency", "french", "english"),
    [
        (123_450, "EUR", "1\u00a0234,50\u00a0€", "€1,234.50"),
        (-4_950, "EUR", "\u221249,50\u00a0€", "\u2212€49.50"),
        (0, "EUR", "0,00\u00a0€", "€0.00"),
        (5_000, "XOF", "5\u00a0000\u00a0XOF", "5,000\u00a0XOF"),
        (123_456_789_012, "EUR", "1\u00a0234\u00a0567\u00a0890,12\u00a0€", "€1,234,567,890.12"),
    ],
)
def test_amounts_are_written_as_each_language_does(minor, currency, french, english):
    from django.utils import translation

    from tremplin.billing.invoicing import wording

    with translation.override("fr"):
        assert wording.amount(minor, currency) == french
    with translation.override("en"):
        assert wording.amount(minor, currency) == english


@pytest.mark.parametrize(
    ("rate", "french", "english"),
    [("20.00", "20\u202f%", "20%"), ("5.50", "5,5\u202f%", "5.5%"), ("0.00", "0\u202f%", "0%")],
)
def test_rates_are_written_as_each_language_does(rate, french, english):
    from django.utils import translation

    from tremplin.billing.invoicing import wording

    with translation.override("fr"):
        assert wording.percent(Decimal(rate)) == french
    with translation.override("en"):
        assert wording.percent(Decimal(rate)) == english
