"""Reads the metadata of an identity provider from standard input, answers JSON on standard output.

Runs alone (``python -I``) in a process with limits, because the bytes come from strangers. First
line: JSON ``{"entity_id": ""}``; the rest is the document.

Answer: ``{"problem": code, "detail": text}`` or the facts of one identity provider (``read``).
Element names: OASIS "Metadata for the OASIS Security Assertion Markup Language (SAML) V2.0".
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
NAMES = {"md": MD, "ds": "http://www.w3.org/2000/09/xmldsig#"}
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
MAX_ENTITIES = 200
MAX_CERTIFICATES = 10
MAX_URL = 2_000


class Unreadable(Exception):
    """The document cannot be used; ``code`` is stable."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def parse(data: bytes) -> Any:
    """Return the root of ``data``. Document types and entities are refused, nothing is fetched."""
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    if not data.strip():
        raise Unreadable("empty")
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise Unreadable("dtd") from error
        raise Unreadable("not_xml") from error
    tree: Any = root.getroottree()
    if tree.docinfo.doctype:
        raise Unreadable("dtd")
    return root


def choose(root: Any, wanted: str) -> Any:
    """Return the description of the one identity provider, or of the one called ``wanted``."""
    found = [
        entity
        for entity in root.iter(f"{{{MD}}}EntityDescriptor")
        if entity.find("md:IDPSSODescriptor", NAMES) is not None
    ]
    if not found:
        own_kind = next(root.iter(f"{{{MD}}}SPSSODescriptor"), None)
        raise Unreadable("service_provider" if own_kind is not None else "no_provider")
    if wanted:
        found = [entity for entity in found if entity.get("entityID") == wanted]
        if not found:
            raise Unreadable("unknown_entity", wanted)
    if len(found) > 1:
        names = [str(entity.get("entityID")) for entity in found[:MAX_ENTITIES]]
        raise Unreadable("several", "\n".join(names))
    return found[0]


def location(role: Any, name: str, attribute: str = "Location") -> str:
    """Return the address of an end point with the redirect binding, or an empty string."""
    for node in role.findall(f"md:{name}", NAMES):
        if node.get("Binding") == REDIRECT:
            address = (node.get(attribute) or "").strip()
            if len(address) > MAX_URL:
                raise Unreadable("bad_address", name)
            return address
    return ""


def certificate(text: str) -> dict[str, Any]:
    """Return what a certificate of the metadata says of itself."""
    packed = "".join(text.split())
    try:
        parsed = x509.load_der_x509_certificate(base64.b64decode(packed, validate=True))
        key = parsed.public_key()
        not_after = parsed.not_valid_after_utc
    except (ValueError, binascii.Error, TypeError) as error:
        raise Unreadable("bad_certificate") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise Unreadable("not_rsa")
    if key.key_size < 2048:
        raise Unreadable("weak_key", str(key.key_size))
    return {
        "body": packed,
        "subject": parsed.subject.rfc4514_string()[:200],
        "expires_at": not_after.isoformat(),
        "fingerprint": parsed.fingerprint(hashes.SHA256()).hex(),
    }


def read(data: bytes, wanted: str) -> dict[str, Any]:
    """Return the identity provider that ``data`` describes.

    Keys: ``entity_id``, ``sso_url``, ``slo_url`` (empty without single logout), ``certificates``
    (those that sign), ``wants_signed_requests``, ``name_id_formats`` and ``xml``, the description
    alone. Raises ``Unreadable``.
    """
    entity = choose(parse(data), wanted)
    name = (entity.get("entityID") or "").strip()
    if not name or len(name) > 200:
        raise Unreadable("bad_entity_id")
    role = entity.find("md:IDPSSODescriptor", NAMES)
    sso_url = location(role, "SingleSignOnService")
    if not sso_url:
        raise Unreadable("no_redirect_binding")
    signing = [
        node.text or ""
        for key in role.findall("md:KeyDescriptor", NAMES)
        if key.get("use") != "encryption"
        for node in key.findall("ds:KeyInfo/ds:X509Data/ds:X509Certificate", NAMES)
    ]
    if not signing:
        raise Unreadable("no_certificate")
    if len(signing) > MAX_CERTIFICATES:
        raise Unreadable("too_many_certificates")
    return {
        "entity_id": name,
        "sso_url": sso_url,
        "slo_url": location(role, "SingleLogoutService"),
        "certificates": [certificate(text) for text in signing],
        "wants_signed_requests": role.get("WantAuthnRequestsSigned") in {"true", "1"},
        "name_id_formats": [
            (node.text or "").strip()[:200] for node in role.findall("md:NameIDFormat", NAMES)
        ][:20],
        "xml": etree.tostring(entity, encoding="unicode", with_tail=False),
    }


def main() -> None:
    """Answer one document."""
    header, _, data = sys.stdin.buffer.read().partition(b"\n")
    try:
        answer = read(data, json.loads(header)["entity_id"])
    except Unreadable as refusal:
        answer = {"problem": refusal.code, "detail": refusal.detail}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
