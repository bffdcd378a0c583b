"""python3-saml with the names of attributes that federations use. Import it only with SAML."""

from __future__ import annotations

from typing import Any

from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.response import OneLogin_Saml2_Response


def plain_values(values: list[Any]) -> list[str]:
    """Return attribute values as text; a persistent identifier inside one gives its own text."""
    found = []
    for value in values:
        if isinstance(value, dict):
            value = (value.get("NameID") or {}).get("value")
        if isinstance(value, str) and value.strip():
            found.append(value.strip())
    return found


def attributes_of(response: OneLogin_Saml2_Response) -> dict[str, list[str]]:
    """Return the attributes by name and, where it is free, by friendly name."""
    named = {name: plain_values(values) for name, values in response.get_attributes().items()}
    for name, values in response.get_friendlyname_attributes().items():
        named.setdefault(name, plain_values(values))
    return named


class Auth(OneLogin_Saml2_Auth):  # type: ignore[misc]
    """The library's object; its attributes are found by friendly name as well."""

    def store_valid_response(self, response: OneLogin_Saml2_Response) -> None:
        """Keep what a verified response says."""
        super().store_valid_response(response)
        self._attributes = attributes_of(response)
