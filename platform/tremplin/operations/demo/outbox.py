"""Reading the mails that the demo keeps as files."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tenants import registry
from tenants.registry import TenantInfo
from tremplin.notifications.backends import folder

MAIL_ID = re.compile(r"^[0-9]{20}-[0-9]+-[0-9]{6}$")
LIMIT = 200
LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of the outbox."""

    id: str
    space: TenantInfo
    sender: str
    to: str
    subject: str
    sent_at: datetime | None
    text: str
    html: str
    has_logo: bool
    attachments: tuple[str, ...] = ()

    @property
    def links(self) -> list[str]:
        """Return the addresses in the text part, in order, each once."""
        return list(dict.fromkeys(LINK.findall(self.text)))


def _sent_at(message: EmailMessage) -> datetime | None:
    header = message.get("Date")
    return header.datetime if header is not None else None


def _read(path: Path, space: TenantInfo) -> Mail:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101  the default policy makes these
    text = message.get_body(preferencelist=("plain",))
    html_part = message.get_body(preferencelist=("html", "related"))
    html = html_part.get_content() if html_part is not None else ""
    logo = False
    for part in message.walk():
        identity = str(part.get("Content-ID", "")).strip("<>")
        if identity and part.get_content_maintype() == "image":
            content = base64.b64encode(part.get_payload(decode=True)).decode("ascii")
            html = html.replace(
                f"cid:{identity}", f"data:{part.get_content_type()};base64,{content}"
            )
            logo = True
    return Mail(
        path.stem,
        space,
        str(message.get("From", "")),
        str(message.get("To", "")),
        str(message.get("Subject", "")),
        _sent_at(message),
        text.get_content() if text is not None else "",
        html,
        logo,
        tuple(
            name
            for part in message.iter_attachments()
            if part.get_content_disposition() == "attachment" and (name := part.get_filename())
        ),
    )


def _spaces(tenant: TenantInfo) -> list[TenantInfo]:
    return registry.all_tenants() if tenant.kind == "hq" else [tenant]


def _files(tenant: TenantInfo) -> Iterator[tuple[Path, TenantInfo]]:
    for space in _spaces(tenant):
        for path in folder(str(space.uuid)).glob("*.eml"):
            if MAIL_ID.match(path.stem):
                yield path, space


def mails(tenant: TenantInfo, *, limit: int = LIMIT) -> tuple[list[Mail], int]:
    """Return the newest mails visible from ``tenant`` and how many there are in all."""
    found = sorted(_files(tenant), key=lambda pair: pair[0].name, reverse=True)
    return [_read(path, space) for path, space in found[:limit]], len(found)


def mail(tenant: TenantInfo, key: str) -> Mail | None:
    """Return one mail visible from ``tenant``."""
    for path, space in _files(tenant):
        if path.stem == key:
            return _read(path, space)
    return None
