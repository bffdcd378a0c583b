"""The school's own invoices to learners: numbered without gaps, frozen on the order.

They stay in the school's schema: the platform's invoices hold no people. The series is the
school's ``V-{year}-{number}`` (art. 242 nonies A ann. II CGI: unique, chronological, continuous).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

from tremplin.billing.models import BillingAccount
from tremplin.kernel import clock
from tremplin.kernel.current import tenant_required

if TYPE_CHECKING:
    from tremplin.billing.sales.models import Order


def number(order: Order) -> None:
    """Give an order its number and freeze its invoice, inside the transaction that pays it."""
    tenant = tenant_required()
    day = clock.today(tenant.timezone)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sales_series AS s (year, last_number) VALUES (%s, 1) "
            "ON CONFLICT (year) DO UPDATE SET last_number = s.last_number + 1 "
            "RETURNING last_number",
            [day.year],
        )
        row = cursor.fetchone()
    order.invoice_number = f"V-{day.year}-{row[0]:06d}"
    order.invoice = {
        "issued_on": day.isoformat(),
        "seller": _seller(tenant),
        "title": order.title,
        "net_minor": order.net_minor,
        "tax_rate": str(order.tax_rate),
        "tax_minor": order.tax_minor,
        "total_minor": order.total_minor,
        "currency": order.currency,
        "note": "" if order.tax_minor else "TVA non applicable ou exonérée (art. 261-4-4° a CGI)",
    }


def _seller(tenant: Any) -> dict[str, str]:
    account = BillingAccount.objects.filter(tenant_id=tenant.pk).first()
    if account is None:
        return {"name": tenant.name}
    return {
        "name": account.legal_name or tenant.name,
        "siren": account.siren,
        "vat_id": account.vat_id,
        "address": ", ".join(
            part
            for part in (
                account.line1,
                account.line2,
                f"{account.postal_code} {account.city}".strip(),
            )
            if part
        ),
    }
