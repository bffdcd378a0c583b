"""What an invoice says, as canonical JSON, and its fingerprint.

The fingerprint covers everything printed, and the reseller's cost on each line: a margin may not
change afterwards either. What lives on (payment, credit, file) is not part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from tremplin.billing.models import Invoice, InvoiceLine


def line_content(line: InvoiceLine) -> dict[str, Any]:
    """Return one line as JSON values."""
    return {
        "position": line.position,
        "description": line.description,
        "price": str(line.price_id) if line.price_id else None,
        "module": line.module,
        "client": line.client_tenant_id,
        "quantity": line.quantity,
        "unit_minor": line.unit_minor,
        "net_minor": line.net_minor,
        "tax_rate": f"{line.tax_rate:.2f}",
        "tax_category": line.tax_category,
        "period_start": line.period_start.timestamp() if line.period_start else None,
        "period_end": line.period_end.timestamp() if line.period_end else None,
        "cost_minor": line.cost_minor,
        "reseller": line.reseller_tenant_id,
    }


def of(invoice: Invoice, lines: Sequence[InvoiceLine]) -> dict[str, Any]:
    """Return everything that a finalised invoice says."""
    return {
        "kind": invoice.kind,
        "number": invoice.number,
        "series": invoice.series_id,
        "sequence": invoice.sequence,
        "corrects": str(invoice.corrects_id) if invoice.corrects_id else None,
        "tenant": invoice.tenant_id,
        "account": str(invoice.account_id),
        "locale": invoice.locale,
        "currency": invoice.currency,
        "issued_on": invoice.issued_on.isoformat() if invoice.issued_on else None,
        "due_on": invoice.due_on.isoformat() if invoice.due_on else None,
        "seller": invoice.seller,
        "buyer": invoice.buyer,
        "notes": invoice.notes,
        "taxes": invoice.taxes,
        "net_minor": invoice.net_minor,
        "tax_minor": invoice.tax_minor,
        "total_minor": invoice.total_minor,
        "lines": [line_content(line) for line in lines],
    }


def fingerprint(invoice: Invoice, lines: Sequence[InvoiceLine]) -> str:
    """Return SHA-256 of the content as JSON with sorted keys, in UTF-8."""
    body = json.dumps(of(invoice, lines), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(body.encode()).hexdigest()


def is_intact(invoice: Invoice) -> bool:
    """Tell whether a finalised row and its lines are still what was finalised."""
    return fingerprint(invoice, list(invoice.lines.order_by("position"))) == invoice.content_hash
