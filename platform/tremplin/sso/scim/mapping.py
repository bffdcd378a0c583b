"""What a user document says about a person; everything else in it is only kept."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tremplin.identity.middleware import supported
from tremplin.identity.normalise import clean_text, is_email, normalise_email

# Computed by the service or never kept: the rest of a document goes to the record as it came.
# ``password`` has no meaning here, people of a directory sign in through it (RFC 7643, 4.1.1).
DROPPED = ("id", "meta", "groups", "password")


@dataclass(frozen=True, slots=True)
class Identity:
    """The attributes of a person that a directory decides. ``email`` is empty when unknown."""

    email: str
    first_name: str
    last_name: str
    locale: str
    is_active: bool


def unique_key(text: str) -> str:
    """Return the user name or group name as it is compared: composed and case-folded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def identity_of(document: Mapping[str, Any]) -> Identity:
    """Read a user document (JSON names of RFC 7643).

    The address is the primary e-mail, else the one of type ``work``, else the first, else the
    user name where it is an address. Without given or family name the display name serves.
    """
    name = document.get("name") or {}
    first = clean_text(str(name.get("givenName") or ""))[:100]
    last = clean_text(str(name.get("familyName") or ""))[:100]
    if not first and not last:
        first = clean_text(str(document.get("displayName") or name.get("formatted") or ""))[:100]
    return Identity(
        email=_email(document),
        first_name=first,
        last_name=last,
        locale=supported(str(document.get("preferredLanguage") or document.get("locale") or "")),
        is_active=document.get("active") is not False,
    )


def _email(document: Mapping[str, Any]) -> str:
    entries = [entry for entry in document.get("emails") or [] if entry.get("value")]
    entries.sort(key=lambda entry: (not entry.get("primary"), entry.get("type") != "work"))
    for text in [*(str(entry["value"]) for entry in entries), str(document.get("userName") or "")]:
        if is_email(address := normalise_email(text)):
            return address
    return ""


def members_of(document: Mapping[str, Any]) -> list[str]:
    """Return the ids of the user resources in a group document, in order, once each."""
    return list(
        dict.fromkeys(
            str(entry["value"])
            for entry in document.get("members") or []
            if entry.get("value") and entry.get("type") != "Group"
        )
    )
