"""The one way to compare e-mail addresses, names and search terms."""

from __future__ import annotations

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

_EMAIL = EmailValidator()
_LIGATURES = str.maketrans(
    {"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "ß": "ss", "ø": "o", "Ø": "o"}
)
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


def normalise_email(value: str) -> str:
    """Return the address trimmed, composed (NFC) and in lower case."""
    return unicodedata.normalize("NFC", value).strip().lower()


def is_email(value: str) -> bool:
    """Tell whether ``value`` is an e-mail address of at most 254 characters."""
    try:
        _EMAIL(value)
    except ValidationError:
        return False
    return len(value) <= 254


def is_reachable(email: str) -> bool:
    """Tell whether mail can reach ``email``: ``.invalid`` is reserved for addresses of nobody.

    Source: RFC 2606, section 2. Accounts made without an address and erased ones end so.
    """
    return not email.endswith(".invalid")


def clean_text(value: str) -> str:
    """Return ``value`` composed (NFC), without control characters, spaces collapsed."""
    composed = unicodedata.normalize("NFC", value)
    printable = "".join(
        " " if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} else char for char in composed
    )
    return " ".join(printable.split())


def fold(value: str) -> str:
    """Return ``value`` in lower case without accents: "Lefèvre" and "LEFEVRE" become equal."""
    decomposed = unicodedata.normalize("NFKD", value.translate(_LIGATURES))
    kept = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(kept.casefold().split())


def slugify(value: str, *, limit: int = 120) -> str:
    """Return lower-case ASCII words joined by hyphens ("Bac Pro VE" gives "bac-pro-ve")."""
    return _NOT_SLUG.sub("-", fold(value)).strip("-")[:limit].strip("-")
