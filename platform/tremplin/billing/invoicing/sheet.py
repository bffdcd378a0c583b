"""The readable half of an invoice: what the template prints, formatted in its language."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.core.files.storage import default_storage
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from tremplin import documents
from tremplin.billing.countries import NAMES
from tremplin.billing.invoicing import wording
from tremplin.billing.models import Invoice, InvoiceLine

LOGO = "logo.svg"
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def title_of(invoice: Invoice) -> str:
    """Return ``Facture F-2026-000001``, in the language of the invoice."""
    with translation.override(invoice.locale):
        return f"{heading_of(invoice)} {invoice.number}"


def heading_of(invoice: Invoice) -> str:
    """Return what the document is, in the active language."""
    if invoice.kind == Invoice.Kind.CREDIT_NOTE:
        return _("Credit note")
    return _("Invoice")


def pictures(invoice: Invoice) -> dict[str, bytes]:
    """Return the issuer's logo, read in the issuer's space; nothing when it is gone."""
    path = str(invoice.seller.get("logo", ""))
    if path[-4:] not in {".png", ".svg"} or not default_storage.exists(path):
        return {}
    with default_storage.open(path) as stream:
        data: bytes = stream.read()
    if path.endswith(".svg"):
        return {LOGO: data}
    return {LOGO: _framed(data)} if data.startswith(PNG_HEAD) else {}


def _framed(png: bytes) -> bytes:
    """Return a PNG inside an SVG: the compiler takes its files as text (UTF-8) only.

    Width and height are the first two numbers of the header chunk (ISO/IEC 15948, 11.2.2).
    """
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<image width="{width}" height="{height}"'
        f' href="data:image/png;base64,{b64encode(png).decode()}"/></svg>'
    ).encode()


def pdf(invoice: Invoice, lines: Sequence[InvoiceLine], **said: Any) -> bytes:
    """Return the tagged PDF (PDF/A-3a, PDF/UA-1); call it in the issuer's space, for its logo.

    ``said`` replaces entries of ``data_of`` (how a sale was paid instead of how to pay it).
    """
    logo = pictures(invoice)
    options: dict[str, Any] = {"locale": invoice.locale, "dated": invoice.issued_on}
    try:
        return documents.pdf(
            "invoice", {**data_of(invoice, lines, logo), **said}, files=logo, **options
        )
    except documents.DocumentRefused:
        if not logo:
            raise
        # A picture that the archive format refuses must not keep an invoice from its reader.
        return documents.pdf(
            "invoice", {**data_of(invoice, lines, {}), **said}, files={}, **options
        )


def data_of(
    invoice: Invoice, lines: Sequence[InvoiceLine], logo: dict[str, bytes]
) -> dict[str, Any]:
    """Return what ``templates/invoice.typ`` reads."""
    with translation.override(invoice.locale):
        return {
            "title": f"{heading_of(invoice)} {invoice.number}",
            "heading": heading_of(invoice),
            "number": invoice.number,
            "color": invoice.seller["color"],
            "on_color": invoice.seller["on_color"],
            "logo": next(iter(logo), None),
            "seller_name": invoice.seller["name"],
            "seller": _address(invoice.seller),
            "buyer_name": invoice.buyer["name"],
            "buyer": _address(invoice.buyer),
            "facts": _facts(invoice),
            "labels": {
                "seller": pgettext("invoice", "From"),
                "buyer": pgettext("invoice", "Billed to"),
                "lines": pgettext("invoice", "Detail"),
                "taxes": _("VAT by rate"),
                "totals": _("Totals"),
                "payment": _("Payment"),
                "notes": _("Legal information"),
                "page": _("Page"),
            },
            "columns": [
                _("Description"),
                _("Quantity"),
                _("Unit price"),
                _("VAT"),
                _("Amount excl. VAT"),
            ],
            "lines": [_line(line, invoice) for line in lines],
            "tax_columns": [_("Rate"), _("Amount excl. VAT"), _("VAT")],
            "taxes": [_tax(item, invoice.currency) for item in invoice.taxes],
            "reasons": list(
                dict.fromkeys(item["reason"] for item in invoice.taxes if item["reason"])
            ),
            "totals": [
                [_("Total excl. VAT"), wording.amount(invoice.net_minor, invoice.currency)],
                [_("VAT"), wording.amount(invoice.tax_minor, invoice.currency)],
            ],
            "grand": [_grand(invoice), wording.amount(invoice.total_minor, invoice.currency)],
            "payment": _payment(invoice),
            "notes": [note["text"] for note in invoice.notes],
            "footer": _footer(invoice.seller),
        }


def _address(who: dict[str, Any]) -> list[str]:
    town = f"{who['postal_code']} {who['city']}".strip()
    found = [who["line1"], who["line2"], town, _country(who["country"])]
    if who["siren"]:
        found.append(_("SIREN: %(number)s") % {"number": _grouped(who["siren"])})
    if who["vat_id"]:
        found.append(_("VAT number: %(number)s") % {"number": who["vat_id"]})
    return [item for item in found if item]


def _country(code: str) -> str:
    english, french = NAMES.get(code, (code, code))
    return french if translation.get_language() == "fr" else english


def _grouped(siren: str) -> str:
    return "\u00a0".join((siren[:3], siren[3:6], siren[6:]))


def _facts(invoice: Invoice) -> list[list[str]]:
    found = []
    if invoice.issued_on is not None:
        found.append([_("Date of issue"), wording.day(invoice.issued_on)])
    if invoice.kind == Invoice.Kind.CREDIT_NOTE:
        if invoice.corrects is not None:
            found.append([_("Corrected invoice"), invoice.corrects.number])
    elif invoice.due_on is not None:
        found.append([_("Due date"), wording.day(invoice.due_on)])
    found.append([_("Operation"), _("Provision of services")])
    return found


def _line(line: InvoiceLine, invoice: Invoice) -> dict[str, str]:
    days = wording.period(line.period_start, line.period_end, invoice.seller["zone"])
    period = ""
    if days is not None:
        period = _("From %(first)s to %(last)s") % {
            "first": wording.day(days[0]),
            "last": wording.day(days[1]),
        }
    return {
        "description": line.description,
        "period": period,
        "quantity": str(line.quantity).replace("-", "\u2212"),
        "unit": wording.amount(line.unit_minor, invoice.currency),
        "rate": _rate(line.tax_category, line.tax_rate),
        "net": wording.amount(line.net_minor, invoice.currency),
    }


def _rate(category: str, rate: Decimal) -> str:
    return wording.percent(rate) if category == "S" else "\u2013"


def _tax(item: dict[str, Any], currency: str) -> dict[str, str]:
    label = {
        "AE": _("Reverse charge"),
        "E": _("Exempt"),
        "O": _("Outside the scope of VAT"),
    }.get(item["category"])
    return {
        "label": label or wording.percent(Decimal(item["rate"])),
        "base": wording.amount(item["net_minor"], currency),
        "amount": wording.amount(item["tax_minor"], currency),
    }


def _grand(invoice: Invoice) -> str:
    if invoice.kind == Invoice.Kind.CREDIT_NOTE:
        return _("Total credited")
    if invoice.provider in wording.CARDS:
        return _("Total incl. VAT")
    return _("Total to pay")


def _payment(invoice: Invoice) -> list[str]:
    if invoice.kind == Invoice.Kind.CREDIT_NOTE or invoice.total_minor == 0:
        return []
    if invoice.provider in wording.CARDS:
        return [_("By card: nothing has to be transferred.")]
    found = []
    iban = str(invoice.seller.get("iban", ""))
    if iban:
        grouped = "\u00a0".join(iban[start : start + 4] for start in range(0, len(iban), 4))
        found.append(_("Transfer to IBAN %(iban)s") % {"iban": grouped})
        if invoice.seller.get("bic"):
            found.append(_("BIC: %(bic)s") % {"bic": invoice.seller["bic"]})
    found.append(_("Reference to quote: %(number)s") % {"number": invoice.number})
    return found


def _footer(seller: dict[str, Any]) -> str:
    town = f"{seller['postal_code']} {seller['city']}".strip()
    parts = [seller["name"], f"{seller['line1']}, {town}"]
    if seller["siren"]:
        parts.append(_("SIREN: %(number)s") % {"number": _grouped(seller["siren"])})
    if seller["vat_id"]:
        parts.append(_("VAT number: %(number)s") % {"number": seller["vat_id"]})
    return " \u00b7 ".join(parts)
