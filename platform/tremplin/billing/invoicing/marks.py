"""The conformance marks of the final file.

Typst makes a PDF/A-3a and PDF/UA-1 file; adding the XML rewrites its XMP block, which then says
level B and loses the PDF/UA mark although tags, language and structure are kept. Both are said
again here, with the extension schema that PDF/A wants for the second (ISO 19005-3, 6.6.2.3).
"""

from __future__ import annotations

from io import BytesIO

from lxml import etree
from pypdf import PdfWriter
from pypdf.generic import StreamObject

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PDFA = "http://www.aiim.org/pdfa/ns/id/"
_EXTENSION = "http://www.aiim.org/pdfa/ns/extension/"
_UA = "http://www.aiim.org/pdfua/ns/id/"
_UA_DESCRIPTION = f"""<rdf:Description xmlns:rdf="{_RDF}" xmlns:pdfuaid="{_UA}" rdf:about="">
<pdfuaid:part>1</pdfuaid:part></rdf:Description>"""
_UA_SCHEMA = f"""<rdf:li xmlns:rdf="{_RDF}" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
 xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#" rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>
<pdfaSchema:namespaceURI>{_UA}</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 that the file follows</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li>"""


def marked_xmp(xmp: bytes) -> bytes:
    """Return an XMP packet that says PDF/A-3a and PDF/UA-1. Raises ``ValueError`` without RDF."""
    head, _opened, rest = xmp.partition(b"<x:xmpmeta")
    body, closed, tail = rest.partition(b"</x:xmpmeta>")
    if not closed:
        raise ValueError("the file has no XMP packet")
    tree = etree.fromstring(b"<x:xmpmeta" + body + closed)  # noqa: S320  our own file
    rdf = tree.find(f"{{{_RDF}}}RDF")
    level = tree.find(f".//{{{_PDFA}}}conformance")
    schemas = tree.find(f".//{{{_EXTENSION}}}schemas/{{{_RDF}}}Bag")
    if rdf is None or level is None or schemas is None:
        raise ValueError("the XMP packet is not one of an archived file")
    level.text = "A"
    rdf.append(etree.fromstring(_UA_DESCRIPTION))  # noqa: S320  a constant
    schemas.append(etree.fromstring(_UA_SCHEMA))  # noqa: S320  a constant
    return head + etree.tostring(tree, encoding="utf-8") + tail


def mark(pdf: bytes) -> bytes:
    """Return the file with its marks; nothing else in it changes."""
    writer = PdfWriter(clone_from=BytesIO(pdf))
    writer.pdf_header = "%PDF-1.7"
    metadata = writer.root_object["/Metadata"].get_object()
    if not isinstance(metadata, StreamObject):
        raise ValueError("the file has no XMP packet")
    metadata.set_data(marked_xmp(metadata.get_data()))
    target = BytesIO()
    writer.write(target)
    return target.getvalue()
