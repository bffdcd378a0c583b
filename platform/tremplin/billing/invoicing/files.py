"""The file of an invoice: made once, kept with its issuer, made again when it is lost.

It lives in the issuer's space, not the buyer's: the issuer has to keep it for ten years, also after
a customer's space was deleted. Who may read it is asked here (``find``), never of the storage.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

import facturx
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import pgettext

from tenants.context import use
from tremplin.api import services
from tremplin.billing.errors import NotFound
from tremplin.billing.invoicing import cii, content, sheet
from tremplin.billing.invoicing.errors import InvoiceBroken
from tremplin.billing.invoicing.marks import mark
from tremplin.billing.invoicing.parties import issuer_tenant
from tremplin.billing.models import Invoice
from tremplin.kernel import audit

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

logger = logging.getLogger(__name__)

FOLDER = "invoices"
LANGUAGES = {"fr": "fr-FR", "en": "en-GB"}


def readable_by(tenant: TenantInfo) -> Q:
    """Return the filter of the final invoices a space may read: received by it, or issued by it."""
    mine = Q(tenant_id=tenant.pk) | Q(series__issuer_tenant_id=tenant.pk)
    if tenant.kind == "hq":
        mine |= Q(series__isnull=False, series__issuer_tenant_id__isnull=True)
    return mine & ~Q(state=Invoice.State.DRAFT)


def find(tenant: TenantInfo, invoice: UUID) -> Invoice:
    """Return a final invoice that ``tenant`` may read. Raises ``NotFound`` (404) for any other."""
    found = (
        Invoice.objects.select_related("series", "corrects")
        .filter(readable_by(tenant), pk=invoice)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def find_received(tenant: TenantInfo, invoice: UUID) -> Invoice:
    """Return a final invoice that ``tenant`` has to pay. Raises ``NotFound`` for one it issued."""
    found = find(tenant, invoice)
    if found.tenant_id != tenant.pk:
        raise NotFound
    return found


def name(invoice: Invoice) -> str:
    """Return the name of the file a person saves: ``facture-F-2026-000001.pdf``."""
    with translation.override(invoice.locale):
        kind = (
            pgettext("file name", "credit-note")
            if invoice.kind == Invoice.Kind.CREDIT_NOTE
            else pgettext("file name", "invoice")
        )
    return f"{kind}-{invoice.number.replace('/', '-')}.pdf"


def headers(invoice: Invoice) -> dict[str, str]:
    """Return the HTTP headers of a download; the name is ASCII by construction."""
    return {
        "Content-Type": "application/pdf",
        "Content-Disposition": f'attachment; filename="{name(invoice)}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }


def open_pdf(invoice: Invoice) -> bytes:
    """Return the bytes of the file of an invoice that ``find`` allowed; see ``read``."""
    return read(invoice)


def render(invoice: Invoice) -> None:
    """Make and store the file of a final invoice; nothing to do when it is there."""
    read(invoice)


def read(invoice: Invoice) -> bytes:
    """Return the file of a final invoice, made now if it is not there yet, or no longer.

    A file whose SHA-256 is not the recorded one counts as lost. Raises ``InvoiceBroken`` when the
    row is not what was finalised, or when its XML cannot be made again with the same bytes.
    """
    row = Invoice.objects.select_related("series", "corrects").get(pk=invoice.pk)
    if row.series is None or row.state == Invoice.State.DRAFT:
        raise NotFound
    with use(issuer_tenant(row.series.issuer_tenant_id)):
        stored = _stored(row)
        return stored if stored is not None else _make(row)


def _stored(row: Invoice) -> bytes | None:
    if not row.pdf_path or not default_storage.exists(row.pdf_path):
        return None
    with default_storage.open(row.pdf_path) as stream:
        data: bytes = stream.read()
    return data if hashlib.sha256(data).hexdigest() == row.pdf_sha256 else None


def stored_state(row: Invoice) -> str:
    """Return ``sound``, ``lost`` or ``changed`` for the file of an invoice (``none`` before it)."""
    if not row.pdf_path or row.series is None:
        return "none"
    with use(issuer_tenant(row.series.issuer_tenant_id)):
        if not default_storage.exists(row.pdf_path):
            return "lost"
        return "sound" if _stored(row) is not None else "changed"


def xml_of(row: Invoice) -> bytes:
    """Return the XML of a final invoice: the stored bytes, compared with those of its rows.

    Raises ``InvoiceBroken``.
    """
    if not content.is_intact(row):
        raise InvoiceBroken(row.number)
    made = cii.document(row, list(row.lines.order_by("position")))
    if row.xml is not None and bytes(row.xml) != made:
        raise InvoiceBroken(row.number)
    return made


def assembled(row: Invoice, xml: bytes) -> bytes:
    """Return the Factur-X file: the tagged PDF with the XML inside, in the issuer's space."""
    plain = sheet.pdf(row, list(row.lines.order_by("position")))
    title = sheet.title_of(row)
    made: bytes = facturx.generate_from_binary(
        plain,
        xml,
        flavor="factur-x",
        level="en16931",
        check_xsd=True,
        check_schematron=False,  # it would ask a server
        pdf_metadata={
            "author": row.seller["name"],
            "keywords": "Factur-X, EN 16931",
            "title": title,
            "subject": f"{title} \u2013 {row.buyer['name']}",
        },
        lang=LANGUAGES[row.locale],
        xmp_compression=False,
    )
    return mark(made)


def _make(row: Invoice) -> bytes:
    """Make the file, store it, and record its fingerprint; audited when it replaces a lost one."""
    xml = xml_of(row)
    data = assembled(row, xml)
    digest = hashlib.sha256(data).hexdigest()
    issued = row.issued_on or row.created_at.date()
    path = default_storage.save(
        f"{FOLDER}/{issued.year}/{row.pk}-{digest[:12]}.pdf", ContentFile(data)
    )
    try:
        with services.tenancy().public_write("invoice file"), transaction.atomic():
            fresh = Invoice.objects.select_for_update().get(pk=row.pk)
            if fresh.pdf_path != row.pdf_path:
                kept = _stored(fresh)
                if kept is not None:  # somebody else was faster
                    default_storage.delete(path)
                    return kept
            lost, fresh.pdf_path, fresh.pdf_sha256, fresh.xml = fresh.pdf_path, path, digest, xml
            fresh.save(update_fields=["pdf_path", "pdf_sha256", "xml"])
            if lost:
                audit.record(
                    "billing.invoice_file_rebuilt",
                    target=f"invoice:{row.pk}",
                    data={"number": row.number, "before": row.pdf_sha256, "after": digest},
                )
    except BaseException:
        with suppress(OSError):
            default_storage.delete(path)
        raise
    if lost:
        logger.warning("the file of invoice %s was lost and made again", row.number)
        with suppress(OSError):
            default_storage.delete(lost)
    return data
