"""Every check of one answer of an identity provider, with what was expected and what came.

Sign-in and the integration doctor use the same checks: what the doctor shows green is what signs
people in. The library verifies signatures and structure; it accepts a missing audience, and an
address of ours that is only part of the one given, so those are compared exactly here
(SAML core 2.5.1.4, profiles 4.1.4.2 and 4.1.4.3, bindings 3.5.5.2).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest
from lxml import etree

from tremplin.identity.normalise import is_email, normalise_email
from tremplin.sso.saml import config

MAX_RESPONSE = 350_000  # characters of base64
MAX_IDENTIFIER = 191  # characters, what allauth stores
SKEW = timedelta(seconds=180)
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
NAMES = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
RESPONSE_SIGNATURE = "/samlp:Response/ds:Signature"
ASSERTION_SIGNATURE = "/samlp:Response/saml:Assertion/ds:Signature"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: ``is_ok`` is None when it did not apply. Values are shown as they are."""

    code: str
    is_ok: bool | None
    expected: str = ""
    received: str = ""


@dataclass(slots=True)
class Examination:
    """What one answer holds and whether each check passed."""

    checks: list[Check] = field(default_factory=list)
    attributes: dict[str, list[str]] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    name_id: str = ""
    name_id_format: str = ""
    session_index: str = ""
    assertion_id: str = ""
    in_response_to: str = ""
    valid_until: datetime | None = None
    xml: str = ""
    library_error: str = ""
    auth: Any = None

    @property
    def failed(self) -> Check | None:
        """The first check that failed."""
        return next((check for check in self.checks if check.is_ok is False), None)

    def add(self, code: str, is_ok: bool | None, expected: Any = "", received: Any = "") -> None:
        """Note one check."""
        self.checks.append(Check(code, is_ok, str(expected)[:1000], str(received)[:1000]))


def moment(text: str) -> datetime | None:
    """Return an xs:dateTime of UTC, or None when there is none."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def request_named_in(raw: str) -> str:
    """Return the request that an answer, not verified at all, says it answers."""
    try:
        root = _parsed(raw)
    except ValueError:
        return ""
    return str(root.get("InResponseTo") or "")


def _parsed(raw: str) -> Any:
    """Return the root of an answer. Raises ``ValueError`` with a code of the check ``format``."""
    from onelogin.saml2.xml_utils import OneLogin_Saml2_XML
    from onelogin.saml2.xmlparser import DTDForbidden, EntitiesForbidden

    if len(raw) > MAX_RESPONSE:
        raise ValueError("too_big")
    try:
        data = base64.b64decode("".join(raw.split()), validate=True)
        return OneLogin_Saml2_XML.to_etree(data)
    except (DTDForbidden, EntitiesForbidden) as error:
        raise ValueError("dtd") from error
    except (binascii.Error, etree.XMLSyntaxError, ValueError) as error:
        raise ValueError("not_xml") from error


def examine(
    app: Any, request: HttpRequest, raw: str, *, expected_request: str | None = None
) -> Examination:
    """Check the answer ``raw`` (base64) that reached ``request`` through the completed ``app``.

    ``expected_request`` is the identifier of our request that it must answer; None leaves that to
    the caller, who looks for the request in the session.
    """
    from onelogin.saml2.response import OneLogin_Saml2_Response

    result = Examination()
    try:
        root = _parsed(raw)
    except ValueError as error:
        result.add("format", False, "", str(error))
        return result
    result.add("format", True)
    result.in_response_to = str(root.get("InResponseTo") or "")
    auth = config.auth_for(app, request)
    settings = auth.get_settings()
    try:
        response = OneLogin_Saml2_Response(settings, raw)
    except Exception:  # noqa: BLE001  the library raises whatever lxml and xmlsec raise
        response = _opened_with_next(app, request, raw)
    if response is None:
        _outer(result, root, app, settings)
        result.add("decryption", False, _encryption_hint(app), "")
        result.xml = _pretty(root)
        return result
    is_valid = response.is_valid(config.request_data(request))
    result.library_error = "" if is_valid else str(response.get_error() or "")
    document = response.decrypted_document if response.encrypted else response.document
    result.xml = _pretty(document)
    _outer(result, root, app, settings)
    if response.encrypted:
        result.add("decryption", True)
    elif settings.get_security_data()["wantAssertionsEncrypted"]:
        result.add("encryption", False)
    _signatures(result, response, document, settings)
    assertion = _assertion(response, document, is_valid)
    if assertion is None:
        result.add("assertion", False, "1", str(len(document.findall("saml:Assertion", NAMES))))
        return result
    _inside(result, assertion, app, settings, expected_request)
    if result.failed is None:
        result.add("library", is_valid, "", result.library_error)
    if is_valid and result.failed is None:
        auth.store_valid_response(response)
        result.auth = auth
    return result


def _opened_with_next(app: Any, request: HttpRequest, raw: str) -> Any:
    """Open an answer that was encrypted for the key that will take over, None when it fails."""
    from onelogin.saml2.response import OneLogin_Saml2_Response

    from tremplin.sso.saml import keys

    following = keys.published().get("next")
    if following is None:
        return None
    auth = config.auth_for(app, request)
    auth.get_settings().get_sp_data()["privateKey"] = keys.pair_of(following).private_key
    try:
        return OneLogin_Saml2_Response(auth.get_settings(), raw)
    except Exception:  # noqa: BLE001  as above
        return None


def _encryption_hint(app: Any) -> str:
    from tremplin.sso.saml import keys

    return "\n".join(keys.fingerprint(key.certificate) for key in keys.published().values())


def _pretty(root: Any) -> str:
    return etree.tostring(root, encoding="unicode", pretty_print=True)[:200_000]


def _assertion(response: Any, document: Any, is_valid: bool) -> Any:
    """Return the assertion: the signed one of a valid answer, else the only one there is."""
    found = response._query_assertion("") if is_valid else document.findall("saml:Assertion", NAMES)
    return found[0] if len(found) == 1 else None


def _text(node: Any, path: str) -> str:
    found = node.find(path, NAMES)
    return "".join(found.itertext()).strip() if found is not None else ""


def _outer(result: Examination, root: Any, app: Any, settings: Any) -> None:
    code = root.find("samlp:Status/samlp:StatusCode", NAMES)
    status = code.get("Value", "") if code is not None else ""
    inner = code.find("samlp:StatusCode", NAMES) if code is not None else None
    shown = inner.get("Value", status) if inner is not None else status
    message = _text(root, "samlp:Status/samlp:StatusMessage")
    result.add("status", status == SUCCESS, SUCCESS, f"{shown} {message}".strip())
    ours = config.service_url("acs", app.client_id)
    destination = str(root.get("Destination") or "")
    result.add("destination", destination == ours, ours, destination)


def _signatures(result: Examination, response: Any, document: Any, settings: Any) -> None:
    """Say for the message and the assertion whether a known certificate signed them."""
    from onelogin.saml2.utils import OneLogin_Saml2_Utils

    idp = settings.get_idp_data()
    known = idp.get("x509certMulti", {}).get("signing") or [idp["x509cert"]]
    prints = [_fingerprint(body) for body in known]
    security = settings.get_security_data()
    for code, path, where, wanted in (
        ("message_signature", RESPONSE_SIGNATURE, response.document, "wantMessagesSigned"),
        ("assertion_signature", ASSERTION_SIGNATURE, document, "wantAssertionsSigned"),
    ):
        nodes = where.xpath(path, namespaces=NAMES)
        if not nodes:
            result.add(code, False if security[wanted] else None, "\n".join(prints), "")
            continue
        embedded = "".join(
            (nodes[0].findtext("ds:KeyInfo/ds:X509Data/ds:X509Certificate", "", NAMES)).split()
        )
        received = _fingerprint(embedded) if embedded else ""
        if received and received not in prints:
            result.add("certificate", False, "\n".join(prints), received)
        is_right = any(
            OneLogin_Saml2_Utils.validate_sign(where, body, xpath=path) for body in known
        )
        result.add(code, is_right, "\n".join(prints), received)


def _fingerprint(certificate: str) -> str:
    """Return the SHA-256 of a certificate, in base64 with or without its PEM frame."""
    lines = (line.strip() for line in certificate.splitlines())
    body = "".join(line for line in lines if not line.startswith("-----"))
    try:
        return hashlib.sha256(base64.b64decode(body)).digest().hex(":").upper()
    except (binascii.Error, ValueError):
        return "?"


def _inside(
    result: Examination, assertion: Any, app: Any, settings: Any, expected_request: str | None
) -> None:
    result.assertion_id = str(assertion.get("ID") or "")
    expected = settings.get_idp_data()["entityId"]
    issuer = _text(assertion, "saml:Issuer")
    result.add("issuer", issuer == expected, expected, issuer)
    ours = settings.get_sp_data()["entityId"]
    restrictions = [
        ["".join(audience.itertext()).strip() for audience in node.findall("saml:Audience", NAMES)]
        for node in assertion.findall("saml:Conditions/saml:AudienceRestriction", NAMES)
    ]
    result.add(
        "audience",
        bool(restrictions) and all(ours in names for names in restrictions),
        ours,
        "\n".join(name for names in restrictions for name in names),
    )
    _confirmation(result, assertion, app, expected_request)
    _times(result, assertion)
    _person(result, assertion, app)


def _confirmation(
    result: Examination, assertion: Any, app: Any, expected_request: str | None
) -> None:
    ours = config.service_url("acs", app.client_id)
    found = [
        data
        for node in assertion.findall("saml:Subject/saml:SubjectConfirmation", NAMES)
        if node.get("Method") == BEARER
        and (data := node.find("saml:SubjectConfirmationData", NAMES)) is not None
    ]
    recipients = [str(data.get("Recipient") or "") for data in found]
    result.add("recipient", ours in recipients, ours, "\n".join(recipients))
    chosen = next((data for data in found if data.get("Recipient") == ours), None)
    if chosen is None:
        return
    answered = str(chosen.get("InResponseTo") or "")
    wanted = result.in_response_to if expected_request is None else expected_request
    result.add(
        "in_response_to",
        answered == wanted and result.in_response_to == wanted,
        wanted,
        answered if answered != wanted else result.in_response_to,
    )
    end = moment(str(chosen.get("NotOnOrAfter") or ""))
    now = datetime.now(UTC)
    result.valid_until = end
    result.add("confirmation_end", end is not None and end > now, f"> {_shown(now)}", _shown(end))


def _shown(value: datetime | None) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if value is not None else ""


def _times(result: Examination, assertion: Any) -> None:
    conditions = assertion.find("saml:Conditions", NAMES)
    now = datetime.now(UTC)
    start = moment(conditions.get("NotBefore", "")) if conditions is not None else None
    end = moment(conditions.get("NotOnOrAfter", "")) if conditions is not None else None
    result.add(
        "not_before", start is None or start <= now + SKEW, f"≤ {_shown(now + SKEW)}", _shown(start)
    )
    result.add(
        "not_on_or_after", end is None or end + SKEW > now, f"> {_shown(now - SKEW)}", _shown(end)
    )


def _attributes(assertion: Any) -> Iterator[tuple[str, str, list[str]]]:
    for node in assertion.findall("saml:AttributeStatement/saml:Attribute", NAMES):
        values = [
            text
            for value in node.findall("saml:AttributeValue", NAMES)
            if (text := "".join(value.itertext()).strip())
        ]
        yield str(node.get("Name") or ""), str(node.get("FriendlyName") or ""), values


def _person(result: Examination, assertion: Any, app: Any) -> None:
    """Read who the answer is about and check that the mapping finds her."""
    found: dict[str, list[str]] = {}
    friendly: dict[str, list[str]] = {}
    for name, short, values in _attributes(assertion):
        found.setdefault(name, []).extend(values)
        if short:
            friendly.setdefault(short, []).extend(values)
    result.attributes = {**friendly, **found}
    node = assertion.find("saml:Subject/saml:NameID", NAMES)
    if node is not None:
        result.name_id = "".join(node.itertext()).strip()
        result.name_id_format = str(node.get("Format") or "")
    statement = assertion.find("saml:AuthnStatement", NAMES)
    if statement is not None:
        result.session_index = str(statement.get("SessionIndex") or "")
    mapping: dict[str, list[str]] = app.settings.get("attribute_mapping", {})
    for name, sources in mapping.items():
        value = next(
            (result.attributes[key][0] for key in sources if result.attributes.get(key)), ""
        )
        if value:
            result.fields[name] = value
    if "email" not in result.fields and result.name_id_format == config.EMAIL:
        result.fields["email"] = result.name_id
    identifier = result.fields.get("uid") or result.name_id
    is_stable = 0 < len(identifier) <= MAX_IDENTIFIER and (
        bool(result.fields.get("uid")) or result.name_id_format != config.TRANSIENT
    )
    result.add(
        "identifier",
        is_stable,
        ", ".join(mapping.get("uid", [])) or "NameID",
        result.fields.get("uid")
        or (f"{result.name_id} ({result.name_id_format})" if result.name_id else ""),
    )
    result.fields.setdefault("uid", result.name_id)
    result.add(
        "email",
        is_email(normalise_email(result.fields.get("email", ""))),
        ", ".join(mapping.get("email", [])),
        result.fields.get("email", "") or ", ".join(sorted(found)),
    )
    for name in ("first_name", "last_name"):
        result.add(
            name,
            True if result.fields.get(name) else None,
            ", ".join(mapping.get(name, [])),
            result.fields.get(name, ""),
        )
