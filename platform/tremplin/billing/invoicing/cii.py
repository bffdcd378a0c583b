"""The structured half of an invoice: Factur-X, profile EN 16931, as Cross Industry Invoice XML.

Made from the frozen row alone, so it can be made again with the same bytes. The document is checked
against the official schema that comes with the library; no server is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from drafthorse.models.accounting import ApplicableTradeTax
from drafthorse.models.document import Document
from drafthorse.models.note import IncludedNote
from drafthorse.models.party import TaxRegistration, TradeParty
from drafthorse.models.payment import PaymentMeans, PaymentTerms
from drafthorse.models.tradelines import LineItem
from lxml import etree

from tremplin.billing import money
from tremplin.billing.invoicing import wording
from tremplin.billing.models import Invoice, InvoiceLine

PROFILE = "urn:cen.eu:en16931:2017"
# French framework for business processes: S1, an invoice for services.
PROCESS = "S1"
SCHEMA = "FACTUR-X_EN16931"
INVOICE_CODE, CREDIT_NOTE_CODE = "380", "381"  # UNTDID 1001
TRANSFER, CARD, UNSPECIFIED = "30", "48", "1"  # UNTDID 4461
PIECE = "C62"  # UN/ECE recommendation 20: one
SIREN_SCHEME, SIREN_ADDRESS_SCHEME = "0002", "0225"  # ISO/IEC 6523, EAS


def document(invoice: Invoice, lines: Sequence[InvoiceLine]) -> bytes:
    """Return the XML of a finalised invoice, checked against the schema of EN 16931.

    Raises ``lxml.etree.XMLSyntaxError`` when it does not hold, which no stored invoice should do.
    """
    doc = Document()
    doc.context.business_parameter.id = PROCESS
    doc.context.guideline_parameter.id = PROFILE
    is_credit_note = invoice.kind == Invoice.Kind.CREDIT_NOTE
    doc.header.id = invoice.number
    doc.header.type_code = CREDIT_NOTE_CODE if is_credit_note else INVOICE_CODE
    doc.header.issue_date_time = invoice.issued_on
    for note in invoice.notes:
        included = IncludedNote()
        included.content = note["text"]
        included.subject_code = note["code"]
        doc.header.notes.add(included)
    # BR-O-02: an invoice outside the scope of VAT names no VAT number.
    with_vat_ids = not any(item["category"] == "O" for item in invoice.taxes)
    _fill_party(doc.trade.agreement.seller, invoice.seller, with_vat_id=with_vat_ids)
    _fill_party(doc.trade.agreement.buyer, invoice.buyer, with_vat_id=with_vat_ids)
    for line in lines:
        doc.trade.items.add(_line(line, invoice))
    _settle(doc, invoice)
    raw = doc.serialize(schema=None)
    # The output of the check is not used: it is indented differently by versions of the library.
    etree.fromstring(raw, etree.XMLParser(schema=_schema()))  # noqa: S320  made two lines above
    return bytes(raw)


@cache
def _schema() -> etree.XMLSchema:
    folder = (
        files("drafthorse") / "schema" / f"{SCHEMA.replace('FACTUR-X_', 'Factur-X_1.0.07_')}.xsd"
    )
    return etree.XMLSchema(file=str(folder))


def _fill_party(party: TradeParty, who: dict[str, Any], *, with_vat_id: bool) -> None:
    party.name = who["name"]
    if who["siren"]:
        party.legal_organization.id = (SIREN_SCHEME, who["siren"])
        party.electronic_address.uri_ID = (SIREN_ADDRESS_SCHEME, who["siren"])
    party.address.postcode = who["postal_code"]
    party.address.line_one = who["line1"]
    if who["line2"]:
        party.address.line_two = who["line2"]
    party.address.city_name = who["city"]
    party.address.country_id = who["country"]
    if who["vat_id"] and with_vat_id:
        party.tax_registrations.add(TaxRegistration(id=("VA", who["vat_id"])))


def _amount(minor: int, currency: str) -> Decimal:
    return money.major(minor, currency)


def _line(line: InvoiceLine, invoice: Invoice) -> LineItem:
    item = LineItem()
    item.document.line_id = str(line.position)
    item.product.name = line.description
    item.agreement.net.amount = _amount(line.unit_minor, invoice.currency)
    item.delivery.billed_quantity = (Decimal(line.quantity), PIECE)
    item.settlement.trade_tax.type_code = "VAT"
    item.settlement.trade_tax.category_code = line.tax_category
    if line.tax_category != "O":
        item.settlement.trade_tax.rate_applicable_percent = line.tax_rate
    days = wording.period(line.period_start, line.period_end, invoice.seller["zone"])
    if days is not None:
        item.settlement.period.start, item.settlement.period.end = days
    item.settlement.monetary_summation.total_amount = _amount(line.net_minor, invoice.currency)
    return item


def _settle(doc: Document, invoice: Invoice) -> None:
    settlement = doc.trade.settlement
    currency = invoice.currency
    settlement.payment_reference = invoice.number
    settlement.currency_code = currency
    settlement.payment_means.add(_means(invoice))
    for item in invoice.taxes:
        settlement.trade_tax.add(_tax(item, currency))
    if invoice.due_on is not None:
        terms = PaymentTerms()
        terms.due = invoice.due_on
        settlement.terms.add(terms)
    total = settlement.monetary_summation
    total.line_total = _amount(invoice.net_minor, currency)
    total.tax_basis_total = (_amount(invoice.net_minor, currency), None)
    total.tax_total = (_amount(invoice.tax_minor, currency), currency)
    total.grand_total = (_amount(invoice.total_minor, currency), None)
    total.due_amount = _amount(invoice.total_minor, currency)
    if invoice.corrects is not None:
        settlement.invoice_referenced_document.issuer_assigned_id = invoice.corrects.number
        settlement.invoice_referenced_document.issue_date_time = invoice.corrects.issued_on


def _means(invoice: Invoice) -> PaymentMeans:
    means = PaymentMeans()
    iban = invoice.seller.get("iban", "")
    if invoice.provider in wording.CARDS:
        means.type_code = CARD
    elif iban:
        means.type_code = TRANSFER
        means.payee_account.iban = iban
        if invoice.seller.get("bic"):
            means.payee_institution.bic = invoice.seller["bic"]
    else:
        means.type_code = UNSPECIFIED
    return means


def _tax(item: dict[str, Any], currency: str) -> ApplicableTradeTax:
    row = ApplicableTradeTax()
    row.calculated_amount = _amount(item["tax_minor"], currency)
    row.type_code = "VAT"
    row.basis_amount = _amount(item["net_minor"], currency)
    row.category_code = item["category"]
    if item["reason"]:
        row.exemption_reason = item["reason"]
        row.exemption_reason_code = item["reason_code"]
    if item["category"] != "O":
        row.rate_applicable_percent = Decimal(item["rate"])
    return row
