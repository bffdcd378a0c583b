"""The file: valid Factur-X, equal totals in both halves, kept once, rebuilt, read by its parties."""

from __future__ import annotations

import hashlib
import re
from io import BytesIO
from pathlib import Path

import pytest

from tests.core.billing.invoices.conftest import AT, line
from tests.support import legal_identity

HOSTILE = '#panic("x") $x^2$ `raw` *b* _i_ @ref <l> \\u{41} "quoted" & </ram:Name> = H'
RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"


FONTS = {"Inter-Regular", "Inter-SemiBold", "Inter-Bold"}


def _fonts(page) -> set[tuple[str, bool]]:
    """Return (name, is embedded) of the fonts of a page."""
    found = set()
    for font in page["/Resources"]["/Font"].values():
        inner = font.get_object()["/DescendantFonts"][0].get_object()
        keys = inner["/FontDescriptor"].keys()
        found.add((inner["/BaseFont"].lstrip("/"), bool({"/FontFile2", "/FontFile3"} & keys)))
    return found


def text_of(pdf: bytes) -> str:
    from pypdf import PdfReader

    raw = " ".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
    return re.sub(r"\s+", " ", raw)


def embedded(pdf: bytes) -> bytes:
    import facturx

    name, xml = facturx.get_xml_from_pdf(BytesIO(pdf), check_xsd=True)
    assert name == "factur-x.xml"
    return xml


@pytest.mark.parametrize(
    ("locale", "title", "total", "language"),
    [
        ("fr", "Facture F-2026-000001", "228,00 €", "fr-FR"),
        ("en", "Invoice F-2026-000001", "€228.00", "en-GB"),
    ],
)
def test_the_pdf_holds_the_xml_of_the_row(issued, locale, title, total, language):
    import facturx
    from lxml import etree
    from pypdf import PdfReader

    from tremplin.billing import invoicing

    found = issued(locale=locale)
    data = invoicing.pdf(found)
    found.refresh_from_db()
    xml = embedded(data)
    assert xml == bytes(found.xml)
    assert facturx.xml_check_xsd(xml, flavor="factur-x", level="en16931") is True
    tree = etree.fromstring(xml)
    amounts = {
        name: tree.findtext(f".//{RAM}{name}")
        for name in ("LineTotalAmount", "TaxTotalAmount", "GrandTotalAmount", "DuePayableAmount")
    }
    assert amounts == {
        "LineTotalAmount": "190.00",
        "TaxTotalAmount": "38.00",
        "GrandTotalAmount": "228.00",
        "DuePayableAmount": "228.00",
    }
    words = text_of(data)
    assert total in words
    assert "812 345 676" in words
    assert "793 102 450" in words
    assert "FR19812345676" in words
    reader = PdfReader(BytesIO(data))
    assert (reader.metadata.title, reader.metadata.author) == (title, "Tremplin SAS")
    assert reader.trailer["/Root"]["/Lang"] == language
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"].value is True
    assert "/StructTreeRoot" in reader.trailer["/Root"]
    assert reader.trailer["/Root"]["/AF"][0]["/AFRelationship"] == "/Data"
    xmp = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    marks = re.findall(r"<(pdfaid:part|pdfaid:conformance|pdfuaid:part|fx:\w+)>([^<]*)<", xmp)
    assert marks == [
        ("pdfaid:part", "3"),
        ("pdfaid:conformance", "A"),
        ("fx:DocumentType", "INVOICE"),
        ("fx:DocumentFileName", "factur-x.xml"),
        ("fx:Version", "1.0"),
        ("fx:ConformanceLevel", "EN 16931"),
        ("pdfuaid:part", "1"),
    ]
    fonts = {font for page in reader.pages for font in _fonts(page)}
    assert all(embedded_here for _name, embedded_here in fonts)
    assert {name.partition("+")[2] for name, _here in fonts} == FONTS


def test_the_law_is_on_the_page(issued):
    from tremplin.billing import invoicing

    words = text_of(invoicing.pdf(issued()))
    for sentence in (
        "Catégorie de l’opération : prestation de services.",
        "pénalités au taux de trois fois l’intérêt légal",
        "Indemnité forfaitaire pour frais de recouvrement : 40 euros.",
        "Pas d’escompte pour paiement anticipé.",
        "21 décembre 2026",
        "Du 21 novembre 2026 au 20 décembre 2026",
    ):
        assert sentence in words


def test_markup_in_names_is_text(issued, tenant_a):
    from lxml import etree

    from tremplin.billing import invoicing

    legal_identity.give(tenant_a, {"legal_name": HOSTILE, "line1": HOSTILE})
    data = invoicing.pdf(issued(line(description=HOSTILE)))
    assert text_of(data).count('#panic("x")') == 3
    names = [node.text for node in etree.fromstring(embedded(data)).iter(f"{RAM}Name")]
    assert names == [HOSTILE, "Tremplin SAS", HOSTILE]


@pytest.mark.parametrize(
    "name",
    [
        "École d’ingénieur·es « Œuvre » – ŷęş",
        "مدرسة اللغات العربية",
        "בית ספר ירושלים",
        "学校 École 👩🏽‍💻🇫🇷",
        "e\u0301cole \u202e txt.exe \u200b",
        "W" * 160,
    ],
)
def test_every_script_makes_a_file_and_an_exact_xml(issued, tenant_a, name):
    from lxml import etree

    from tremplin.billing import invoicing
    from tremplin.billing.invoicing.parties import plain

    legal_identity.give(tenant_a, {"legal_name": name})
    data = invoicing.pdf(issued())
    buyer = etree.fromstring(embedded(data)).find(f".//{RAM}BuyerTradeParty/{RAM}Name")
    assert buyer.text == plain(name)


def test_two_hundred_lines_go_over_pages_with_their_heading(issued):
    from lxml import etree
    from pypdf import PdfReader

    from tremplin.billing import invoicing

    found = issued(*[line(description=f"Module {n} " + "école " * 45) for n in range(200)])
    data = invoicing.pdf(found)
    pages = PdfReader(BytesIO(data)).pages
    assert len(pages) == 24
    headed = ["Désignation" in page.extract_text() for page in pages]
    assert headed == [True] * 24
    assert "Page 24 / 24" in re.sub(r"\s+", " ", pages[-1].extract_text())
    tree = etree.fromstring(embedded(data))
    assert len(list(tree.iter(f"{RAM}IncludedSupplyChainTradeLineItem"))) == 200
    assert tree.findtext(f".//{RAM}GrandTotalAmount") == "45600.00"


def test_francs_are_printed_without_cents(issued, tenant_b):
    from decimal import Decimal

    from tremplin.billing import invoicing

    dakar = legal_identity.give(tenant_b, legal_identity.SENEGALESE)
    found = issued(
        line(unit_minor=125_000, tax_rate=Decimal("0.00"), tax_category="O"),
        account=dakar,
        tenant_id=tenant_b.pk,
        currency="XOF",
    )
    assert "125 000 XOF" in text_of(invoicing.pdf(found))


def test_the_bank_is_printed_and_in_the_xml(issued, seller):
    from tenants.context import public_write
    from tremplin.billing import invoicing

    seller.provider_refs = {"bank": {"iban": "fr76 30006000011234567890189", "bic": "AGRIFRPP"}}
    with public_write("test"):
        seller.save()
    data = invoicing.pdf(issued())
    assert "FR76 3000 6000 0112 3456 7890 189" in text_of(data)
    assert b"<ram:IBANID>FR7630006000011234567890189</ram:IBANID>" in embedded(data)
    assert b"<ram:TypeCode>30</ram:TypeCode>" in embedded(data)


def test_a_card_is_said_to_be_one(issued):
    from tremplin.billing.invoicing import files

    assert b"<ram:TypeCode>48</ram:TypeCode>" in files.xml_of(issued(provider="sandbox"))


def test_the_logo_and_colour_of_the_issuer_are_used(issued, hq, inside):
    from tenants.branding import logo, services
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing import sheet

    picture = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 10"><path d="M0 0h40v10H0z" fill="#0f766e"/></svg>'
    with inside(hq):
        files = logo.store(picture)
        services.publish(hq, services.Inputs(primary="#0f5132"), author=None, logo=files)
    found = issued()
    assert (found.seller["color"], found.seller["logo"]) == ("#0f5132", files.logo)
    with inside(hq):
        assert list(sheet.pictures(found)) == ["logo.svg"]
    assert text_of(invoicing.pdf(found)).count("Tremplin SAS") == 2  # no longer as a heading


def test_a_raster_logo_is_printed(issued, hq, inside):
    from PIL import Image
    from pypdf import PdfReader

    from tenants.branding import logo, services
    from tremplin.billing import invoicing

    picture = BytesIO()
    Image.new("RGBA", (400, 100), "#0f766e").save(picture, "PNG")
    with inside(hq):
        files = logo.store(picture.getvalue())
        assert files.logo.endswith(".png")
        services.publish(hq, services.Inputs(primary="#0f5132"), author=None, logo=files)
    data = invoicing.pdf(issued())
    assert len(PdfReader(BytesIO(data)).pages[0].images) == 1
    assert text_of(data).count("Tremplin SAS") == 2  # no longer as a heading


def test_the_file_is_stored_once_with_the_issuer(issued, hq, settings):
    from tremplin.billing import invoicing

    found = issued()
    first = invoicing.pdf(found)
    assert invoicing.pdf(found) == first
    found.refresh_from_db()
    kept = Path(settings.MEDIA_ROOT) / str(hq.uuid) / found.pdf_path
    assert kept.read_bytes() == first
    assert found.pdf_sha256 == hashlib.sha256(first).hexdigest()
    assert found.pdf_path == f"invoices/2026/{found.pk}-{found.pdf_sha256[:12]}.pdf"


@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_a_lost_file_is_made_again_with_the_same_xml(issued, hq, inside, settings, damage):
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing import integrity
    from tremplin.kernel.models import AuditEvent

    found = issued()
    first = invoicing.pdf(found)
    found.refresh_from_db()
    before, xml = found.pdf_sha256, bytes(found.xml)
    kept = Path(settings.MEDIA_ROOT) / str(hq.uuid) / found.pdf_path
    if damage == "lost":
        kept.unlink()
        assert integrity.verify(with_files=True).findings == ()
    else:
        kept.write_bytes(first + b"%")
        assert [item.reason for item in integrity.verify(with_files=True).findings] == [
            "file_changed"
        ]
    again = invoicing.pdf(found)
    found.refresh_from_db()
    assert embedded(again) == xml == bytes(found.xml)
    assert hashlib.sha256(again).hexdigest() == found.pdf_sha256
    with inside(hq):
        event = AuditEvent.objects.get(kind="billing.invoice_file_rebuilt")
    assert event.data == {"number": found.number, "before": before, "after": found.pdf_sha256}


def test_the_task_may_run_twice(issued):
    from tremplin.billing.invoicing.tasks import render_invoice

    found = issued()
    render_invoice(invoice=str(found.pk))
    found.refresh_from_db()
    first = (found.pdf_path, found.pdf_sha256)
    render_invoice(invoice=str(found.pk))
    found.refresh_from_db()
    assert (found.pdf_path, found.pdf_sha256) == first


def test_the_task_is_queued_by_the_transaction_that_numbers(issued):
    from tremplin.kernel.state.models import JobStatus

    found = issued()
    job = JobStatus.objects.get(task="tremplin.billing.invoicing.tasks.render_invoice")
    assert job.args == {"invoice": str(found.pk)}


def test_only_its_parties_find_an_invoice(issued, tenant_a, tenant_b, hq, space):
    from tremplin.billing.errors import NotFound
    from tremplin.billing.invoicing import files

    passerelle, autre = space("passerelle"), space("autre")
    legal_identity.give(passerelle)
    found = issued()
    sold = issued(issuer_tenant_id=passerelle.pk)
    assert files.find(tenant_a, found.pk) == found
    assert files.find(hq, found.pk) == found
    assert files.find(tenant_a, sold.pk) == sold
    assert files.find(passerelle, sold.pk) == sold
    for tenant, invoice in (
        (tenant_b, found),
        (tenant_b, sold),
        (autre, found),
        (autre, sold),
        (passerelle, found),
        (hq, sold),
    ):
        with pytest.raises(NotFound) as refused:
            files.find(tenant, invoice.pk)
        assert refused.value.status == 404


def test_a_draft_is_found_by_nobody(draft, tenant_a, hq):
    from tremplin.billing import invoicing
    from tremplin.billing.errors import NotFound
    from tremplin.billing.invoicing import files

    waiting = draft()
    for tenant in (tenant_a, hq):
        with pytest.raises(NotFound):
            files.find(tenant, waiting.pk)
    with pytest.raises(NotFound):
        invoicing.pdf(waiting)


@pytest.mark.parametrize(
    ("locale", "first", "second"), [("fr", "facture", "avoir"), ("en", "invoice", "credit-note")]
)
def test_the_download_has_a_name(issued, locale, first, second):
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing import files

    found = issued(locale=locale)
    note = invoicing.credit(found, lines=None, reason="", at=AT)
    assert files.name(found) == f"{first}-F-2026-000001.pdf"
    assert files.name(note) == f"{second}-A-2026-000001.pdf"
    assert files.headers(found) == {
        "Content-Type": "application/pdf",
        "Content-Disposition": f'attachment; filename="{first}-F-2026-000001.pdf"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }


def test_nothing_leaves_the_machine(issued, monkeypatch):
    import socket

    from tremplin.billing import invoicing

    real = socket.socket.connect

    def only_local(self, address):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a connection to {address}")
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_local)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: pytest.fail("a name was looked up"))
    assert invoicing.pdf(issued())[:5] == b"%PDF-"


class Platform:
    """A certified platform that remembers what it received."""

    slug = "remembers"

    def __init__(self) -> None:
        self.received: list = []

    def send(self, invoice):
        from tremplin.billing.invoicing.transport import Receipt

        self.received.append(invoice)
        return Receipt("REF-1", "accepted")


def test_an_invoice_is_transmitted_once_and_audited(issued, hq, inside, monkeypatch):
    from tremplin.billing.invoicing import transport
    from tremplin.kernel.models import AuditEvent

    platform = Platform()
    monkeypatch.setattr(transport, "chosen", lambda: platform)
    found = issued()
    assert transport.send(found) == transport.Receipt("REF-1", "accepted")
    assert transport.send(found) is None
    sent = platform.received[0]
    assert len(platform.received) == 1
    assert (sent.key, sent.number, sent.is_credit_note) == (
        found.content_hash,
        "F-2026-000001",
        False,
    )
    assert (sent.seller_siren, sent.buyer_siren, sent.buyer_country) == (
        "812345676",
        "793102450",
        "FR",
    )
    assert embedded(sent.pdf) == sent.xml
    with inside(hq):
        assert AuditEvent.objects.get(kind=transport.SENT).data == {
            "transport": "remembers",
            "reference": "REF-1",
        }


def test_an_unknown_transport_is_an_error_and_none_is_none(settings):
    from tremplin.billing.invoicing import transport

    transport.chosen.cache_clear()
    assert transport.chosen() is None
    transport.chosen.cache_clear()
    settings.INVOICE_TRANSPORT = "nobody"
    with pytest.raises(LookupError, match="'nobody'"):
        transport.chosen()
    transport.chosen.cache_clear()
