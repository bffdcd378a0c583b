"""A finalised invoice never changes, is never deleted, and a change behind our back is found."""

from __future__ import annotations

from datetime import date
from io import StringIO

import pytest

from tests.core.billing.invoices.conftest import AT, line


@pytest.fixture
def writing():
    """Permit writes to public tables."""
    from tenants.context import public_write

    with public_write("test"):
        yield


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "F-2026-000009"),
        ("total_minor", 1),
        ("issued_on", date(2026, 1, 1)),
        ("buyer", {"name": "Another"}),
        ("taxes", []),
        ("content_hash", ""),
        ("finalised_at", None),
        ("state", "draft"),
        ("tenant_id", 1),
    ],
)
def test_a_printed_field_is_refused_by_the_row_and_by_the_table(issued, writing, field, value):
    from tremplin.billing.invoicing.errors import FrozenInvoice
    from tremplin.billing.models import Invoice

    found = issued()
    before = Invoice.objects.filter(pk=found.pk).values(field).get()
    setattr(found, field, value)
    with pytest.raises(FrozenInvoice) as refused:
        found.save()
    assert (refused.value.status, refused.value.code) == (409, "invoice_frozen")
    if field != "state":
        with pytest.raises(FrozenInvoice):
            Invoice.objects.filter(pk=found.pk).update(**{field: value})
    assert Invoice.objects.filter(pk=found.pk).values(field).get() == before


def test_payment_and_credit_live_on(issued, writing):
    from tremplin.billing.models import Invoice

    found = issued()
    found.state, found.paid_minor, found.paid_at = "paid", 22_800, AT
    found.save()
    Invoice.objects.filter(pk=found.pk).update(credited_minor=5)
    found.refresh_from_db()
    assert (found.state, found.paid_minor, found.credited_minor) == ("paid", 22_800, 5)


def test_the_xml_is_written_once(issued, writing):
    from tremplin.billing.invoicing.errors import FrozenInvoice

    found = issued()
    found.xml = b"<a/>"
    found.save()
    found.xml = b"<b/>"
    with pytest.raises(FrozenInvoice):
        found.save()


def test_nothing_is_deleted_but_drafts(issued, draft, writing):
    from tremplin.billing.invoicing.errors import FrozenInvoice
    from tremplin.billing.models import Invoice, InvoiceLine

    found, waiting = issued(), draft()
    for attempt in (
        found.delete,
        Invoice.objects.all().delete,
        found.lines.get().delete,
        InvoiceLine.objects.filter(invoice=found).delete,
    ):
        with pytest.raises(FrozenInvoice):
            attempt()
    waiting.delete()
    assert list(Invoice.objects.values_list("pk", flat=True)) == [found.pk]
    assert InvoiceLine.objects.count() == 1


def test_lines_are_frozen_too(issued, writing):
    from tremplin.billing.invoicing.errors import FrozenInvoice
    from tremplin.billing.models import InvoiceLine

    found = issued(line(cost_minor=14_250))
    row = found.lines.get()
    row.cost_minor = 1
    extra = InvoiceLine(
        invoice=found, position=2, description="x", unit_minor=1, net_minor=1, tax_rate=20
    )
    for attempt in (
        row.save,
        extra.save,
        lambda: InvoiceLine.objects.bulk_create([extra]),
        lambda: InvoiceLine.objects.filter(invoice=found).update(cost_minor=1),
    ):
        with pytest.raises(FrozenInvoice):
            attempt()
    assert found.lines.get().cost_minor == 14_250


def test_a_final_invoice_is_not_finalised_again(issued):
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing.errors import FrozenInvoice

    found = issued()
    with pytest.raises(FrozenInvoice):
        invoicing.finalise(found, at=AT)


def _behind_our_back(sql: str, *values: object) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "UPDATE public.billing_invoice SET due_on = '2030-01-01' WHERE id = %s",
            "content_changed",
        ),
        (
            'UPDATE public.billing_invoice SET seller = seller || \'{"iban": "FR76"}\' '
            "WHERE id = %s",
            "content_changed",
        ),
        (
            "UPDATE public.billing_invoiceline SET description = 'x' WHERE invoice_id = %s",
            "content_changed",
        ),
        (
            "UPDATE public.billing_invoiceline SET cost_minor = 5 WHERE invoice_id = %s",
            "content_changed",
        ),
        (
            "UPDATE public.billing_invoice SET credited_minor = total_minor + 1 WHERE id = %s",
            "credited_too_much",
        ),
    ],
)
def test_a_change_in_the_database_is_found(issued, sql, reason):
    from tremplin.billing.invoicing import integrity

    issued()
    found = issued()
    assert integrity.verify().findings == ()
    _behind_our_back(sql, found.pk)
    report = integrity.verify()
    assert report.invoices == 2
    assert report.findings == (integrity.Finding(reason, "F-2026-000002", found.pk),)


def test_a_row_removed_behind_our_back_is_a_gap(issued):
    from tremplin.billing.invoicing import integrity

    gone = issued()
    issued()
    _behind_our_back("DELETE FROM public.billing_invoiceline WHERE invoice_id = %s", gone.pk)
    _behind_our_back("DELETE FROM public.billing_invoice WHERE id = %s", gone.pk)
    assert integrity.verify().findings == (
        integrity.Finding("numbers_not_continuous", "F-{year}-{n:06d}"),
    )


def test_the_command_says_what_holds_and_what_does_not(issued):
    from django.core.management import CommandError, call_command

    found = issued()
    out = StringIO()
    call_command("invoices", "verify", "--files", stdout=out)
    assert out.getvalue() == "1 invoices in 1 series hold.\n"
    _behind_our_back("UPDATE public.billing_invoice SET locale = 'en' WHERE id = %s", found.pk)
    out = StringIO()
    with pytest.raises(CommandError, match=r"^1 faults in 1 invoices\.$"):
        call_command("invoices", "verify", stdout=out)
    assert out.getvalue() == "F-2026-000001: content_changed\n"


def test_the_nightly_job_tells_the_operator(issued, hq, inside):
    from tremplin.billing.invoicing.tasks import verify_invoices
    from tremplin.kernel.models import AuditEvent

    found = issued()
    assert verify_invoices() == 0
    _behind_our_back("UPDATE public.billing_invoice SET total_minor=1, net_minor=1, tax_minor=0")
    assert verify_invoices() == 1
    with inside(hq):
        event = AuditEvent.objects.get(kind="billing.invoices_broken")
    assert event.data == {
        "count": 1,
        "numbers": [found.number],
        "reasons": ["content_changed"],
    }


def test_a_tampered_row_is_never_printed(issued):
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing.errors import InvoiceBroken

    found = issued()
    _behind_our_back("UPDATE public.billing_invoice SET buyer = '{}' WHERE id = %s", found.pk)
    with pytest.raises(InvoiceBroken):
        invoicing.pdf(found)


def test_invoices_are_kept_ten_years_after_their_year(issued):
    from tremplin.billing.invoicing.finalising import kept_until

    assert kept_until(issued()) == date(2036, 12, 31)
