"""The SAML messages of the demo's provider: metadata, answers and logouts, all signed."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote
from uuid import uuid4

import xmlsec
from django.conf import settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils as Utils
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML as Xml

from tremplin.operations.demo.idp import people
from tremplin.operations.demo.idp.people import ENTITY_ID, HOST, Identity
from tremplin.sso.saml import keys

SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
LIFE = timedelta(minutes=5)
FILE = "demo-idp.pem"


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that a service sent: ``kind`` is AuthnRequest, LogoutRequest or LogoutResponse."""

    kind: str
    id: str
    issuer: str


@lru_cache(maxsize=1)
def pair() -> keys.Pair:
    """Return the key pair of the provider, kept in the data folder of the demo."""
    path = settings.DATA_DIR / FILE
    if not path.exists():
        made = keys.make(HOST, datetime.now(UTC))
        path.write_text(f"{made.certificate}{made.private_key}", encoding="ascii")
        path.chmod(0o600)
    text = path.read_text(encoding="ascii")
    certificate, separator, private = text.partition("-----BEGIN PRIVATE KEY-----")
    return keys.Pair(certificate, f"{separator}{private}")


def base_url() -> str:
    """Return where the provider stands, without a final slash."""
    port = f":{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else ""
    return f"{settings.PUBLIC_SCHEME}://{HOST}{port}/_demo/idp"


def metadata() -> str:
    """Return the description of the provider."""
    body = keys.body(pair().certificate)
    return (
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
        f'xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{ENTITY_ID}">'
        f'<md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="{SAMLP}">'
        '<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>'
        f"{body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        f'<md:SingleLogoutService Binding="{REDIRECT}" Location="{base_url()}/slo/"/>'
        f"<md:NameIDFormat>{PERSISTENT}</md:NameIDFormat>"
        f'<md:SingleSignOnService Binding="{REDIRECT}" Location="{base_url()}/sso/"/>'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    )


def _now(shift: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + shift).strftime("%Y-%m-%dT%H:%M:%SZ")


def _new_id() -> str:
    return f"_{uuid4().hex}"


def _signed(xml: str) -> str:
    own = pair()
    return str(
        Utils.add_sign(xml, own.private_key, own.certificate, sign_algorithm=RSA_SHA256), "utf-8"
    )


def answer(person: Identity, *, service: str, acs: str, request: str, session: str) -> str:
    """Return the base64 of a signed answer with a signed assertion about ``person``.

    ``service`` is the entity ID of whom it is for, ``request`` the identifier it answers (empty
    when nobody asked), ``session`` the index of her session at the provider.
    """
    answered = f' InResponseTo="{escape(request)}"' if request else ""
    rows = "".join(
        f'<saml:Attribute Name="{name}" FriendlyName="{short}" '
        'NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri">'
        + "".join(f"<saml:AttributeValue>{escape(value)}</saml:AttributeValue>" for value in values)
        + "</saml:Attribute>"
        for name, short, values in people.attributes(person)
    )
    assertion = _signed(
        f'<saml:Assertion xmlns:saml="{SAML}" ID="{_new_id()}" Version="2.0" IssueInstant="{_now()}">'
        f"<saml:Issuer>{ENTITY_ID}</saml:Issuer><saml:Subject>"
        f'<saml:NameID Format="{PERSISTENT}">{person.name_id(service)}</saml:NameID>'
        '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
        f'<saml:SubjectConfirmationData NotOnOrAfter="{_now(LIFE)}" Recipient="{escape(acs)}"{answered}/>'
        "</saml:SubjectConfirmation></saml:Subject>"
        f'<saml:Conditions NotBefore="{_now(-LIFE)}" NotOnOrAfter="{_now(LIFE)}">'
        f"<saml:AudienceRestriction><saml:Audience>{escape(service)}</saml:Audience>"
        "</saml:AudienceRestriction></saml:Conditions>"
        f'<saml:AuthnStatement AuthnInstant="{_now()}" SessionIndex="{session}"><saml:AuthnContext>'
        "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
        "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
        f"<saml:AttributeStatement>{rows}</saml:AttributeStatement></saml:Assertion>"
    )
    document = _signed(
        f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{_new_id()}" Version="2.0" '
        f'IssueInstant="{_now()}" Destination="{escape(acs)}"{answered}>'
        f"<saml:Issuer>{ENTITY_ID}</saml:Issuer><samlp:Status>"
        '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>'
        f"{assertion}</samlp:Response>"
    )
    return base64.b64encode(document.encode()).decode()


def logout_request(*, sls: str, name_id: str, session: str) -> str:
    """Return the address at which a service is told that a session is over."""
    return _redirect(
        sls,
        "SAMLRequest",
        f'<samlp:LogoutRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{_new_id()}" '
        f'Version="2.0" IssueInstant="{_now()}" NotOnOrAfter="{_now(LIFE)}" '
        f'Destination="{escape(sls)}"><saml:Issuer>{ENTITY_ID}</saml:Issuer>'
        f'<saml:NameID Format="{PERSISTENT}">{escape(name_id)}</saml:NameID>'
        f"<samlp:SessionIndex>{escape(session)}</samlp:SessionIndex></samlp:LogoutRequest>",
    )


def logout_response(*, sls: str, request: str, relay: str) -> str:
    """Return the address at which a service learns that its person is signed out."""
    return _redirect(
        sls,
        "SAMLResponse",
        f'<samlp:LogoutResponse xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{_new_id()}" '
        f'Version="2.0" IssueInstant="{_now()}" InResponseTo="{escape(request)}" '
        f'Destination="{escape(sls)}"><saml:Issuer>{ENTITY_ID}</saml:Issuer><samlp:Status>'
        '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>'
        "</samlp:Status></samlp:LogoutResponse>",
        relay,
    )


def _redirect(url: str, name: str, document: str, relay: str = "") -> str:
    packed = base64.b64encode(zlib.compress(document.encode())[2:-4]).decode()
    query = f"{name}={quote(packed, safe='')}"
    if relay:
        query += f"&RelayState={quote(relay, safe='')}"
    query += f"&SigAlg={quote(RSA_SHA256, safe='')}"
    transforms: Any = xmlsec
    signature = Utils.sign_binary(query, pair().private_key, transforms.Transform.RSA_SHA256)
    return f"{url}?{query}&Signature={quote(base64.b64encode(signature).decode(), safe='')}"


def read(query: dict[str, Any]) -> Asked:
    """Return what a service asks, not verified yet. Raises ``ValueError`` when it is unreadable."""
    packed = query.get("SAMLRequest") or query.get("SAMLResponse") or ""
    try:
        root = Xml.to_etree(Utils.decode_base64_and_inflate(packed))
    except Exception as error:  # noqa: BLE001  base64, zlib and lxml each raise their own
        raise ValueError("this is not a SAML message") from error
    issuer = root.find(f"{{{SAML}}}Issuer")
    return Asked(
        str(root.tag).rpartition("}")[2],
        str(root.get("ID") or ""),
        (issuer.text or "").strip() if issuer is not None else "",
    )


def is_signed(query_string: str, certificates: list[str]) -> bool:
    """Tell whether a redirect is signed by one of ``certificates`` (PEM) with RSA and SHA-256."""
    found = parse_qs(query_string)
    if found.get("SigAlg") != [RSA_SHA256] or "Signature" not in found:
        return False
    order = ("SAMLRequest", "SAMLResponse", "RelayState", "SigAlg")
    parts = query_string.split("&")
    signed = "&".join(part for name in order for part in parts if part.startswith(f"{name}="))
    signature = base64.b64decode(found["Signature"][0])
    return any(
        Utils.validate_binary_sign(signed, signature, certificate, RSA_SHA256)
        for certificate in certificates
    )
