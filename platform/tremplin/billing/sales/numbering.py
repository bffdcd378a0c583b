"""The space's own series: one counter per kind of document and year, in its own schema.

Like ``billing.invoicing.numbering``: the row is incremented inside the transaction that issues, so
that a rollback gives the number back (art. 242 nonies A of annex II of the CGI).
"""

from __future__ import annotations

from datetime import date

from django.db import connection

from tremplin.billing.invoicing.numbering import text_of

TEMPLATES = {"invoice": "V-{year}-{n:06d}", "credit_note": "AV-{year}-{n:06d}"}
_TAKE = """
INSERT INTO sales_numbering AS s (code, year, last_number, last_date) VALUES (%s, %s, 1, %s)
ON CONFLICT (code, year) DO UPDATE
   SET last_number = s.last_number + 1, last_date = GREATEST(s.last_date, EXCLUDED.last_date)
RETURNING last_number, last_date
"""


def take(code: str, day: date) -> tuple[str, date]:
    """Take the next number of a series and the date it carries: ``day``, or the last one if later.

    Raises ``RuntimeError`` outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a number is taken inside the transaction that uses it")
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [code, day.year, day])
        number, dated = cursor.fetchone()
    return text_of(TEMPLATES[code], day.year, number), dated
