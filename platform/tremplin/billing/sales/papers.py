"""Invoices and credit notes to learners: frozen rows and files, in the space's schema and files.

The platform's own invoices hold no people: these never leave the space. What is printed, and how,
is ``billing.invoicing``'s.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Sum
from django.utils import translation
from django.utils.translation import gettext as _

from tremplin.billing.invoicing import files, parties, sheet, wording
from tremplin.billing.invoicing.errors import InvoiceBroken
from tremplin.billing.lines import half_up
from tremplin.billing.models import Invoice, InvoiceLine
from tremplin.billing.sales import numbering, sellers
from tremplin.billing.sales.models import Document, Order, Payment
from tremplin.kernel import audit
from tremplin.kernel.current import tenant_required

FOLDER = "sales"


def issue(order: Order, *, at: datetime, paid_at: datetime) -> Document:
    """Number and freeze the invoice of an order, inside the transaction that pays it.

    ``at`` dates the invoice; ``paid_at`` is when the money moved, perhaps some days before.
    """
    tenant = tenant_required()
    account = sellers.account_of(sellers.get())
    with translation.override(order.locale):
        notes = [_("Reference of the order: %(reference)s.") % {"reference": order.reference}]
    body = {
        "locale": order.locale,
        "seller": parties.frozen_seller(account, tenant),
        "buyer": _buyer(order),
        "description": order.title,
        "paid_on": paid_at.astimezone(ZoneInfo(tenant.timezone)).date().isoformat(),
        "paid_by": order.provider,
        "tax_rate": f"{order.tax_rate:.2f}",
        "tax_category": order.tax_category,
        "tax_reason": order.tax_reason,
        "notes": notes,
    }
    found = _store(order, Document.Kind.INVOICE, body, order.net_minor, order.tax_minor, at)
    order.invoice_number = found.number
    return found


def credit(order: Order, *, reason: str, at: datetime) -> Document | None:
    """Issue the credit note of what was given back and not credited yet; None when nothing is.

    Money paid twice and given back once is no reduction of the sale: only what brings the money
    kept below the price is credited. VAT follows the total credited, so that the last note closes
    to the cent.
    """
    invoice = order.documents.filter(kind=Document.Kind.INVOICE).first()
    if invoice is None:
        return None
    kept = sum(
        row.amount_minor - row.refunded_minor
        for row in order.payments.filter(state=Payment.State.SETTLED)
    )
    notes = order.documents.filter(kind=Document.Kind.CREDIT_NOTE)
    before = notes.aggregate(total=Sum("total_minor"))["total"] or 0
    after = max(0, order.total_minor - kept)
    if after <= before:
        return None
    tax_minor = _tax_at(order, after) - _tax_at(order, before)
    with translation.override(order.locale):
        said = [
            _("Corrects invoice %(number)s of %(day)s.")
            % {"number": invoice.number, "day": wording.day(invoice.issued_on)}
        ]
    if plain := parties.plain(reason):
        said.append(plain[:300])
    body = {**invoice.body, "notes": said, "paid_on": "", "corrects": invoice.number}
    return _store(
        order,
        Document.Kind.CREDIT_NOTE,
        body,
        after - before - tax_minor,
        tax_minor,
        at,
        corrects=invoice,
    )


def _tax_at(order: Order, credited: int) -> int:
    return half_up(Fraction(order.tax_minor * credited, order.total_minor))


def _buyer(order: Order) -> dict[str, str]:
    names = ("name", "line1", "line2", "postal_code", "city", "country")
    known = {name: parties.plain(str(order.buyer.get(name, ""))) for name in names}
    return {"siren": "", "vat_id": "", **known}


def _store(
    order: Order,
    kind: str,
    body: dict[str, Any],
    net_minor: int,
    tax_minor: int,
    at: datetime,
    corrects: Document | None = None,
) -> Document:
    today = at.astimezone(ZoneInfo(tenant_required().timezone)).date()
    number, dated = numbering.take(kind, today)
    row = Document(
        order=order,
        kind=kind,
        corrects=corrects,
        number=number,
        issued_on=dated,
        currency=order.currency,
        net_minor=net_minor,
        tax_minor=tax_minor,
        total_minor=net_minor + tax_minor,
        body=body,
        created_at=at,
    )
    row.content_hash = fingerprint(row)
    row.save()
    return row


def fingerprint(row: Document) -> str:
    """Return SHA-256 of everything printed, as JSON with sorted keys."""
    content = {
        "kind": row.kind,
        "number": row.number,
        "issued_on": row.issued_on.isoformat(),
        "currency": row.currency,
        "amounts": [row.net_minor, row.tax_minor, row.total_minor],
        "body": row.body,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


# --- files --------------------------------------------------------------------------------------


def as_invoice(row: Document) -> Invoice:
    """Return a document as the invoice that the sheet prints; it is never stored."""
    body = row.body
    invoice = Invoice(
        kind=row.kind,
        number=row.number,
        locale=body["locale"],
        currency=row.currency,
        issued_on=row.issued_on,
        seller=body["seller"],
        buyer=body["buyer"],
        notes=[{"code": "AAI", "text": text} for text in body["notes"]],
        taxes=[
            {
                "rate": body["tax_rate"],
                "category": body["tax_category"],
                "net_minor": row.net_minor,
                "tax_minor": row.tax_minor,
                "reason": body["tax_reason"],
            }
        ],
        net_minor=row.net_minor,
        tax_minor=row.tax_minor,
        total_minor=row.total_minor,
    )
    if body.get("corrects"):
        # Not by assignment: that asks where to write, and the platform's tables stay closed.
        field = Invoice._meta.get_field("corrects")
        field.set_cached_value(invoice, Invoice(number=body["corrects"]))
    return invoice


def name(row: Document) -> str:
    """Return the name of the file that a person saves."""
    return files.name(as_invoice(row))


def headers(row: Document) -> dict[str, str]:
    """Return the HTTP headers of a download."""
    return files.headers(as_invoice(row))


def pdf(row: Document) -> bytes:
    """Return the file of a document: made at the first reading, kept, made again when lost.

    Raises ``InvoiceBroken`` when the row is not what was issued.
    """
    if fingerprint(row) != row.content_hash:
        raise InvoiceBroken(row.number)
    if row.pdf_path and default_storage.exists(row.pdf_path):
        with default_storage.open(row.pdf_path) as stream:
            kept: bytes = stream.read()
        if hashlib.sha256(kept).hexdigest() == row.pdf_sha256:
            return kept
    return _make(row)


def _make(row: Document) -> bytes:
    invoice = as_invoice(row)
    line = InvoiceLine(
        position=1,
        description=row.body["description"],
        quantity=1,
        unit_minor=row.net_minor,
        net_minor=row.net_minor,
        tax_rate=Decimal(row.body["tax_rate"]),
        tax_category=row.body["tax_category"],
    )
    data = sheet.pdf(invoice, [line], **_said(row))
    digest = hashlib.sha256(data).hexdigest()
    path = default_storage.save(
        f"{FOLDER}/{row.issued_on.year}/{row.pk}-{digest[:12]}.pdf", ContentFile(data)
    )
    with transaction.atomic():
        lost = Document.objects.select_for_update().get(pk=row.pk).pdf_path
        Document.objects.filter(pk=row.pk).update(pdf_path=path, pdf_sha256=digest)
        if lost:
            audit.record(
                "sales.document_file_rebuilt",
                target=f"document:{row.pk}",
                data={"number": row.number, "after": digest},
            )
    if lost and lost != path:
        with suppress(OSError):
            default_storage.delete(lost)
    row.pdf_path, row.pdf_sha256 = path, digest
    return data


def _said(row: Document) -> dict[str, Any]:
    """Return what a paid sale says instead of asking for a transfer."""
    if row.kind == Document.Kind.CREDIT_NOTE:
        return {}
    with translation.override(row.body["locale"]):
        day = wording.day(date.fromisoformat(row.body["paid_on"]))
        text = (
            _("Paid by bank transfer on %(day)s.")
            if row.body["paid_by"] == "invoice"
            else _("Paid by card on %(day)s.")
        )
        return {
            "payment": [text % {"day": day}],
            "grand": [_("Total paid"), wording.amount(row.total_minor, row.currency)],
        }
