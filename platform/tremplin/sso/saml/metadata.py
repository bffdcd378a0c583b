"""From the metadata of an identity provider to facts, through the limited process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from tremplin.kernel import limited_process
from tremplin.sso import url_guard
from tremplin.sso.errors import SsoError

WORKER = Path(__file__).with_name("metadata_worker.py")
MAX_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that signs for the provider; ``body`` is DER in base64, without line breaks."""

    body: str
    subject: str
    expires_at: datetime
    fingerprint: str


@dataclass(frozen=True, slots=True)
class IdpMetadata:
    """An identity provider as its metadata describes it."""

    entity_id: str
    sso_url: str
    slo_url: str
    certificates: tuple[Certificate, ...]
    wants_signed_requests: bool
    name_id_formats: tuple[str, ...]
    xml: str

    @property
    def expires_at(self) -> datetime:
        """When the last of its certificates ends."""
        return max(certificate.expires_at for certificate in self.certificates)


def _messages() -> dict[str, str]:
    return {
        "too_big": _("The metadata is larger than 1 MB. Give that of your provider alone."),
        "empty": _("The file is empty."),
        "not_xml": _("This is not XML. Download the metadata from your provider again."),
        "dtd": _("The metadata declares a document type or entities, which we refuse."),
        "no_provider": _("This XML does not describe an identity provider."),
        "service_provider": _(
            "This metadata describes a service, perhaps ours. We need that of your provider."
        ),
        "unknown_entity": _("The metadata does not describe “%(detail)s”."),
        "several": _("The metadata describes several providers: say which entity ID is yours."),
        "bad_entity_id": _("The entity ID is missing or longer than 200 characters."),
        "bad_address": _("An address of the metadata is longer than 2,000 characters."),
        "no_redirect_binding": _(
            "The provider offers no sign-in address with the HTTP-Redirect binding."
        ),
        "no_certificate": _("The metadata holds no signing certificate."),
        "too_many_certificates": _("The metadata holds more than 10 signing certificates."),
        "bad_certificate": _("A certificate of the metadata is not readable."),
        "not_rsa": _("A certificate of the metadata is not of the RSA kind."),
        "weak_key": _("A certificate has a key of %(detail)s bits; 2,048 is the least."),
        "not_https": _("The addresses of the provider must start with https://."),
    }


def refusal(code: str, detail: str = "") -> SsoError:
    """Return the error for ``code`` in the reader's language."""
    return SsoError(code, _messages()[code].replace("%(detail)s", detail[:200]))


def read(data: bytes, entity_id: str = "") -> IdpMetadata:
    """Return the provider that ``data`` describes; ``entity_id`` chooses among several.

    Raises ``SsoError`` with a code of the worker, ``too_big``, ``not_https`` or ``unreadable``.
    """
    if len(data) > MAX_BYTES:
        raise refusal("too_big")
    header = json.dumps({"entity_id": entity_id.strip()}).encode() + b"\n"
    try:
        answer: dict[str, Any] = json.loads(
            limited_process.run(WORKER, header + data, timeout=20.0, memory_mb=768, cpu_seconds=10)
        )
    except (limited_process.LimitedProcessError, ValueError) as error:
        raise SsoError(
            "unreadable",
            _("The metadata could not be read. Download it from your provider again."),
        ) from error
    if problem := answer.get("problem"):
        raise refusal(problem if problem in _messages() else "not_xml", answer.get("detail", ""))
    found = IdpMetadata(
        entity_id=answer["entity_id"],
        sso_url=answer["sso_url"],
        slo_url=answer["slo_url"],
        certificates=tuple(
            Certificate(
                row["body"],
                row["subject"],
                datetime.fromisoformat(row["expires_at"]),
                row["fingerprint"],
            )
            for row in answer["certificates"]
        ),
        wants_signed_requests=answer["wants_signed_requests"],
        name_id_formats=tuple(answer["name_id_formats"]),
        xml=answer["xml"],
    )
    for address in (found.sso_url, found.slo_url):
        _check_address(address)
    return found


def _check_address(address: str) -> None:
    """Refuse an address that a browser should not be sent to (``javascript:``, plain http)."""
    if not address:
        return
    try:
        url_guard.check_url(address)
    except url_guard.UrlRefused as error:
        if error.code not in {"port"}:  # the person's browser goes there, not our server
            raise refusal("not_https") from error


def fetch(url: str, entity_id: str = "") -> IdpMetadata:
    """Return the provider described at ``url``. Raises ``SsoError``, the guard's codes included."""
    try:
        data = url_guard.fetch(url, max_bytes=MAX_BYTES)
    except url_guard.UrlRefused as error:
        raise SsoError(error.code, error.message) from error
    return read(data, entity_id)
