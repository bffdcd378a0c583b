"""Numbers without gaps: one counter row per issuer, code and year.

A sequence of the database would lose numbers when a transaction rolls back (art. 242 nonies A of
annex II of the CGI wants them continuous). The row is incremented inside the transaction that
finalises, and stays locked until it ends: issuing is one by one per issuer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db import connection, transaction

from tremplin.api import services
from tremplin.billing.invoicing.errors import BadTemplate
from tremplin.billing.models import InvoiceSeries

LONGEST = 40
TEMPLATES = {
    "invoice": "F-{year}-{n:06d}",
    "credit_note": "A-{year}-{n:06d}",
    "self_billing": "AF-{year}-{n:06d}",
}
DEMO_TEMPLATES = {
    "invoice": "INV-{n:04d}",
    "credit_note": "CN-{n:04d}",
    "self_billing": "SB-{n:04d}",
}
_FIELD = re.compile(r"\{(?:year|n(?::0([1-9])d)?)\}")
_TAKE = """
INSERT INTO public.billing_invoiceseries AS s
       (issuer_tenant_id, code, year, template, last_number, last_date)
VALUES (%s, %s, %s, %s, 1, %s)
ON CONFLICT (issuer_tenant_id, code, year) DO UPDATE
   SET last_number = s.last_number + 1, last_date = GREATEST(s.last_date, EXCLUDED.last_date)
RETURNING id, template, last_number, last_date
"""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A number that was taken: its series, its rank in it, its text and the date it carries."""

    series_id: int
    sequence: int
    number: str
    issued_on: date


def text_of(template: str, year: int, sequence: int) -> str:
    """Return the number as printed: ``F-2026-000012``."""
    return template.format(year=year, n=sequence)


def has_year(template: str) -> bool:
    """Tell whether numbers start again every year."""
    return "{year}" in template


def template_of(issuer_tenant_id: int | None, code: str) -> str:
    """Return the form in use: that of the latest series of this issuer, else the default."""
    latest = (
        InvoiceSeries.objects.filter(issuer_tenant_id=issuer_tenant_id, code=code)
        .order_by("-year")
        .values_list("template", flat=True)
        .first()
    )
    if latest is not None:
        return latest
    if issuer_tenant_id is None and settings.MODE in {"demo", "dev"}:
        return DEMO_TEMPLATES[code]
    return TEMPLATES[code]


def take(issuer_tenant_id: int | None, code: str, day: date) -> Numbered:
    """Take the next number of a series, dated ``day`` or the last date given if that is later.

    ``code`` is ``invoice``, ``credit_note`` or ``self_billing``. Part of the caller's transaction:
    a rollback gives the number back. Raises ``RuntimeError`` outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a number is taken inside the transaction that uses it")
    template = template_of(issuer_tenant_id, code)
    year = day.year if has_year(template) else 0
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [issuer_tenant_id, code, year, template, day])
        series, template, sequence, dated = cursor.fetchone()
    return Numbered(series, sequence, text_of(template, dated.year, sequence), dated)


def close(issuer_tenant_id: int | None, code: str) -> int:
    """Close the series of an issuer that gave numbers; return how many were closed.

    Their invoices keep their numbers and stay under the watch of ``integrity``; the next number
    of ``code`` is the first of a new series. Several series are allowed where each is continuous.
    Choose another form first when the new numbers would repeat the old ones.
    """
    with services.tenancy().public_write("invoice series"):
        rows = InvoiceSeries.objects.filter(
            issuer_tenant_id=issuer_tenant_id, code=code, last_number__gt=0
        )
        for row in rows:
            row.code = f"closed-{row.pk}"
            row.save(update_fields=["code"])
    return len(rows)


@transaction.atomic
def choose_template(issuer_tenant_id: int | None, code: str, template: str) -> InvoiceSeries:
    """Set the form of an issuer's numbers before the first one is given.

    ``{n}`` or ``{n:06d}`` once, ``{year}`` at most once; without the year the counter never
    restarts. Raises ``BadTemplate``.
    """
    rest = _FIELD.sub("", template)
    if (
        len(template) > LONGEST - 8
        or len(re.findall(r"\{n", template)) != 1
        or template.count("{year}") > 1
        or re.search(r"[^A-Za-z0-9/._-]", rest)
    ):
        raise BadTemplate("form")
    others = InvoiceSeries.objects.filter(issuer_tenant_id=issuer_tenant_id)
    if others.exclude(code=code).filter(template=template).exists():
        raise BadTemplate("taken")
    if others.filter(code=code, last_number__gt=0).exists():
        raise BadTemplate("used")
    with services.tenancy().public_write("invoice series"):
        others.filter(code=code).delete()
        return InvoiceSeries.objects.create(
            issuer_tenant_id=issuer_tenant_id, code=code, year=0, template=template
        )
