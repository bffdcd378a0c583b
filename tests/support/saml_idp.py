"""An identity provider for tests: it signs, encrypts, and makes every mistake that is asked of it."""

from __future__ import annotations

import base64
import copy
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from uuid import uuid4

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import XMLSigner, methods

SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
NAMES = {"samlp": SAMLP, "saml": SAML, "ds": DS}
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
PLACE = f'<ds:Signature xmlns:ds="{DS}" Id="placeholder"></ds:Signature>'


@dataclass(frozen=True)
class Key:
    """A key pair with its certificate, PEM."""

    private: bytes
    certificate: bytes

    @property
    def body(self) -> str:
        """The certificate in base64 on one line."""
        lines = self.certificate.decode().splitlines()
        return "".join(line for line in lines if "-----" not in line)


@lru_cache(maxsize=8)
def make_key(name: str, days: int = 365) -> Key:
    """Return a key pair, the same one for the same name and life."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    return Key(
        private.private_bytes(pem, form, serialization.NoEncryption()),
        certificate.public_bytes(pem),
    )


def at(seconds: float) -> str:
    """Return the moment ``seconds`` from now as SAML writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_id() -> str:
    return f"_{uuid4().hex}"


@dataclass
class Answer:
    """What the provider says; every value may be wrong on purpose."""

    acs: str
    audience: str
    in_response_to: str = ""
    name_id: str = "marc-0001"
    name_id_format: str = PERSISTENT
    attributes: list[tuple[str, str, list[str]]] = field(default_factory=list)
    destination: str | None = None
    recipient: str | None = None
    issuer: str = ""
    not_before: float = -60
    not_on_or_after: float = 300
    confirmation_end: float = 300
    status: str = "urn:oasis:names:tc:SAML:2.0:status:Success"
    session_index: str = "session-1"
    assertion_id: str = field(default_factory=new_id)
    response_id: str = field(default_factory=new_id)
    signs_message: bool = True
    signs_assertion: bool = True
    key: Key | None = None
    encrypt_for: str = ""
    confirmation_in_response_to: str | None = None
    name_id_xml: str = ""


@dataclass
class Idp:
    """A provider with one signing key and, during a rollover, others."""

    entity_id: str = "https://idp.example/metadata"
    base: str = "https://idp.example"
    key: Key = field(default_factory=lambda: make_key("idp"))

    def metadata(self, *keys: Key, slo: bool = True) -> bytes:
        """Return its description, with the certificates of ``keys`` (its own by default)."""
        certificates = "".join(
            f'<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>'
            f"{key.body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            for key in keys or (self.key,)
        )
        logout = (
            f'<md:SingleLogoutService Binding="{REDIRECT}" Location="{self.base}/slo"/>'
            if slo
            else ""
        )
        return (
            f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
            f'xmlns:ds="{DS}" entityID="{self.entity_id}"><md:IDPSSODescriptor '
            f'protocolSupportEnumeration="{SAMLP}">{certificates}{logout}'
            f'<md:SingleSignOnService Binding="{REDIRECT}" Location="{self.base}/sso"/>'
            "</md:IDPSSODescriptor></md:EntityDescriptor>"
        ).encode()

    def document(self, answer: Answer) -> Any:
        """Return the signed ``Response`` element."""
        key = answer.key or self.key
        assertion = etree.fromstring(self._assertion(answer))
        if answer.signs_assertion:
            assertion = _signed(assertion, answer.assertion_id, key)
        else:
            _drop_place(assertion)
        response = etree.fromstring(self._response(answer))
        response.append(assertion)
        if answer.encrypt_for:
            _encrypt(response, answer.encrypt_for)
        if answer.signs_message:
            return _signed(response, answer.response_id, key)
        _drop_place(response)
        return response

    def encoded(self, answer: Answer) -> str:
        """Return what the browser posts."""
        return encode(self.document(answer))

    def _response(self, answer: Answer) -> str:
        destination = answer.acs if answer.destination is None else answer.destination
        answered = f' InResponseTo="{answer.in_response_to}"' if answer.in_response_to else ""
        return (
            f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" '
            f'ID="{answer.response_id}" Version="2.0" IssueInstant="{at(0)}" '
            f'Destination="{destination}"{answered}><saml:Issuer>'
            f"{answer.issuer or self.entity_id}</saml:Issuer>{PLACE}<samlp:Status>"
            f'<samlp:StatusCode Value="{answer.status}"/></samlp:Status></samlp:Response>'
        )

    def _assertion(self, answer: Answer) -> str:
        recipient = answer.acs if answer.recipient is None else answer.recipient
        wanted = answer.confirmation_in_response_to
        wanted = answer.in_response_to if wanted is None else wanted
        answered = f' InResponseTo="{wanted}"' if wanted else ""
        statements = "".join(
            f'<saml:Attribute Name="{name}"'
            + (f' FriendlyName="{short}"' if short else "")
            + ">"
            + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
            + "</saml:Attribute>"
            for name, short, values in answer.attributes
        )
        if statements:
            statements = f"<saml:AttributeStatement>{statements}</saml:AttributeStatement>"
        audience = (
            "<saml:AudienceRestriction><saml:Audience>"
            f"{answer.audience}</saml:Audience></saml:AudienceRestriction>"
            if answer.audience
            else ""
        )
        return (
            f'<saml:Assertion xmlns:saml="{SAML}" ID="{answer.assertion_id}" Version="2.0" '
            f'IssueInstant="{at(0)}"><saml:Issuer>{answer.issuer or self.entity_id}</saml:Issuer>'
            f'{PLACE}<saml:Subject><saml:NameID Format="{answer.name_id_format}">'
            f"{answer.name_id_xml or answer.name_id}</saml:NameID><saml:SubjectConfirmation "
            'Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData '
            f'NotOnOrAfter="{at(answer.confirmation_end)}" Recipient="{recipient}"{answered}/>'
            "</saml:SubjectConfirmation></saml:Subject>"
            f'<saml:Conditions NotBefore="{at(answer.not_before)}" '
            f'NotOnOrAfter="{at(answer.not_on_or_after)}">{audience}</saml:Conditions>'
            f'<saml:AuthnStatement AuthnInstant="{at(0)}" SessionIndex="{answer.session_index}">'
            "<saml:AuthnContext><saml:AuthnContextClassRef>"
            "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
            "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
            f"{statements}</saml:Assertion>"
        )

    def logout_request(
        self,
        sls: str,
        name_id: str,
        *,
        key: Key | None = None,
        signed: bool = True,
        end: float = 300,
    ) -> str:
        """Return the address at which the browser asks the service to sign out."""
        document = (
            f'<samlp:LogoutRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{new_id()}" '
            f'Version="2.0" IssueInstant="{at(0)}" NotOnOrAfter="{at(end)}" Destination="{sls}">'
            f"<saml:Issuer>{self.entity_id}</saml:Issuer>"
            f'<saml:NameID Format="{PERSISTENT}">{name_id}</saml:NameID></samlp:LogoutRequest>'
        )
        return self._redirect(sls, "SAMLRequest", document, key, signed)

    def logout_response(self, sls: str, in_response_to: str, *, signed: bool = True) -> str:
        """Return the address at which the browser brings the answer to the service's request."""
        document = (
            f'<samlp:LogoutResponse xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{new_id()}" '
            f'Version="2.0" IssueInstant="{at(0)}" InResponseTo="{in_response_to}" '
            f'Destination="{sls}"><saml:Issuer>{self.entity_id}</saml:Issuer><samlp:Status>'
            '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>'
            "</samlp:Status></samlp:LogoutResponse>"
        )
        return self._redirect(sls, "SAMLResponse", document, None, signed)

    def _redirect(self, url: str, name: str, document: str, key: Key | None, signed: bool) -> str:
        packed = zlib.compress(document.encode())[2:-4]
        query = f"{name}={quote(base64.b64encode(packed).decode(), safe='')}"
        if signed:
            query += f"&SigAlg={quote(RSA_SHA256, safe='')}"
            private: Any = serialization.load_pem_private_key((key or self.key).private, None)
            signature = private.sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())
            query += "&" + urlencode({"Signature": base64.b64encode(signature).decode()})
        return f"{url}?{query}"


def encode(document: Any) -> str:
    """Return an element as the browser posts it."""
    return base64.b64encode(etree.tostring(document)).decode()


def _signed(element: Any, reference: str, key: Key) -> Any:
    signer = XMLSigner(
        method=methods.enveloped,
        signature_algorithm="rsa-sha256",
        digest_algorithm="sha256",
        c14n_algorithm=EXCLUSIVE,
    )
    return signer.sign(
        element,
        key=key.private,
        cert=key.certificate.decode(),
        reference_uri=f"#{reference}",
        id_attribute="ID",
    )


def _drop_place(element: Any) -> None:
    found = element.find("ds:Signature[@Id='placeholder']", NAMES)
    if found is not None:
        element.remove(found)


def _encrypt(response: Any, certificate: str) -> None:
    """Replace the assertion by its encryption for ``certificate`` (PEM): AES-256-CBC, RSA-OAEP."""
    assertion = response.find("saml:Assertion", NAMES)
    wrapper = etree.SubElement(response, f"{{{SAML}}}EncryptedAssertion")
    template = xmlsec.template.encrypted_data_create(
        wrapper, xmlsec.Transform.AES256, type=xmlsec.EncryptionType.ELEMENT, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(template)
    info = xmlsec.template.encrypted_data_ensure_key_info(template, ns="ds")
    wrapped = xmlsec.template.add_encrypted_key(info, xmlsec.Transform.RSA_OAEP)
    xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(certificate.encode(), xmlsec.KeyFormat.CERT_PEM, None))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(xmlsec.KeyData.AES, 256, xmlsec.KeyDataType.SESSION)
    encrypted = context.encrypt_xml(template, assertion)
    response.remove(encrypted) if encrypted.getparent() is response else None
    wrapper.append(encrypted)
    response.append(wrapper)


def request_of(url: str) -> dict[str, str]:
    """Return what a redirect of the service carries: its parameters, the XML and its ``ID``."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    name = "SAMLRequest" if "SAMLRequest" in query else "SAMLResponse"
    xml = zlib.decompress(base64.b64decode(query[name]), -15)
    root = etree.fromstring(xml)
    return {**query, "xml": xml.decode(), "id": str(root.get("ID")), "kind": root.tag}


def is_signed_by(url: str, certificate: str) -> bool:
    """Tell whether a redirect of the service carries a right signature of ``certificate`` (PEM)."""
    parts = urlsplit(url).query.split("&")
    order = ("SAMLRequest", "SAMLResponse", "RelayState", "SigAlg")
    signed = "&".join(part for name in order for part in parts if part.startswith(f"{name}="))
    signature = base64.b64decode(parse_qs(urlsplit(url).query)["Signature"][0])
    public: Any = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    try:
        public.verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except Exception:  # noqa: BLE001  any failure is a wrong signature
        return False
    return True


def wrapped(document: Any, variant: int, name_id: str, email: str) -> Any:
    """Return a signed answer re-wrapped around a forged assertion (XSW1 to XSW8).

    The eight arrangements of Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be",
    USENIX Security 2012.
    """
    forged = copy.deepcopy(document)
    _forge(forged, name_id, email)
    if variant in {1, 2}:
        original = copy.deepcopy(document)
        signature = forged.find("ds:Signature", NAMES)
        inner = original.find("ds:Signature", NAMES)
        original.remove(inner)
        forged.set("ID", new_id())
        forged.replace(signature, inner)
        if variant == 1:
            inner.append(original)
        else:
            inner.addprevious(original)
        return forged
    root = copy.deepcopy(document)
    genuine = root.find("saml:Assertion", NAMES)
    evil = forged.find("saml:Assertion", NAMES)
    evil.set("ID", new_id())
    stolen = evil.find("ds:Signature", NAMES)
    signature = genuine.find("ds:Signature", NAMES)
    if variant in {3, 4, 7}:
        evil.remove(stolen)
    if variant == 3:
        genuine.addprevious(evil)
    elif variant == 4:
        root.replace(genuine, evil)
        evil.append(genuine)
    elif variant == 5:
        genuine.remove(signature)
        evil.replace(stolen, signature)
        genuine.addprevious(evil)
    elif variant == 6:
        genuine.remove(signature)
        evil.replace(stolen, signature)
        root.replace(genuine, evil)
        signature.append(genuine)
    elif variant == 7:
        extensions = etree.Element(f"{{{SAMLP}}}Extensions")
        extensions.append(evil)
        root.find("saml:Issuer", NAMES).addnext(extensions)
    else:
        genuine.remove(signature)
        evil.replace(stolen, signature)
        root.replace(genuine, evil)
        etree.SubElement(signature, f"{{{DS}}}Object").append(genuine)
    return root


def _forge(document: Any, name_id: str, email: str) -> None:
    document.find(".//saml:NameID", NAMES).text = name_id
    for attribute in document.findall(".//saml:Attribute", NAMES):
        if attribute.get("Name") in {"mail", "urn:oid:0.9.2342.19200300.100.1.3"}:
            attribute.find("saml:AttributeValue", NAMES).text = email
