"""What an identity provider says of a person, the same for every protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_VALUES = 500
MAX_LENGTH = 500


def _texts(value: Any) -> list[str]:
    if value is None or isinstance(value, Mapping):
        return []
    items = value if isinstance(value, list | tuple) else [value]
    return [
        str(item)[:MAX_LENGTH]
        for item in items[:MAX_VALUES]
        if isinstance(item, str | int | float) and str(item) != ""
    ]


def flatten(document: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, list[str]]:
    """Return the claims of ``document`` as lists of text; nested names are joined by a dot."""
    found: dict[str, list[str]] = {}
    for name, value in document.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            if depth < 4:
                found |= flatten(value, f"{path}.", depth + 1)
        elif texts := _texts(value):
            found[path] = texts
    return found


def attributes_of(sociallogin: Any) -> dict[str, list[str]]:
    """Return what the provider said of the person: name of the claim → its values.

    OpenID Connect gives an ID token and an answer of its user information: the second completes
    and wins over the first. SAML gives its attributes as they are. Claims inside an object are
    named with dots, as ``realm_access.roles`` of Keycloak.
    """
    document = sociallogin.account.extra_data or {}
    if not isinstance(document, Mapping):
        return {}
    if "userinfo" in document or "id_token" in document:
        merged: dict[str, list[str]] = {}
        for part in ("id_token", "userinfo"):
            value = document.get(part)
            if isinstance(value, Mapping):
                merged |= flatten(value)
        return merged
    return flatten(document)
