"""What the usual identity providers call the attributes, and how they sign.

Sources: Microsoft Entra ID "SAML token claims reference"; Okta and Google Workspace have the
administrator choose the names (those proposed by their own help pages); Keycloak's built-in
mappers; RENATER: SupAnn 2021 and eduPerson (2020-01), object identifiers of the MACE registry.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

FIELDS = ("uid", "email", "first_name", "last_name")
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
MICROSOFT = "http://schemas.microsoft.com"

OID = {
    "uid": "urn:oid:0.9.2342.19200300.100.1.1",
    "mail": "urn:oid:0.9.2342.19200300.100.1.3",
    "givenName": "urn:oid:2.5.4.42",
    "sn": "urn:oid:2.5.4.4",
    "eduPersonAffiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.1",
    "eduPersonPrimaryAffiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.5",
    "eduPersonPrincipalName": "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
    "eduPersonScopedAffiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
    "eduPersonTargetedID": "urn:oid:1.3.6.1.4.1.5923.1.1.1.10",
    "eduPersonUniqueId": "urn:oid:1.3.6.1.4.1.5923.1.1.1.13",
    "supannEtuId": "urn:oid:1.3.6.1.4.1.7135.1.2.1.1",
    "supannEmpId": "urn:oid:1.3.6.1.4.1.7135.1.2.1.5",
}
SUBJECT_ID = "urn:oasis:names:tc:SAML:attribute:subject-id"
PAIRWISE_ID = "urn:oasis:names:tc:SAML:attribute:pairwise-id"


@dataclass(frozen=True, slots=True)
class Preset:
    """How one kind of provider speaks: names by field, in order of preference."""

    code: str
    label: str | Promise
    mapping: dict[str, list[str]] = field(default_factory=dict)
    role_attribute: str = ""
    signs_message: bool = True


PRESETS = (
    Preset(
        "generic",
        _("Other provider"),
        {
            "uid": [],
            "email": ["mail", "email", OID["mail"]],
            "first_name": ["givenName", "firstName", OID["givenName"]],
            "last_name": ["sn", "lastName", OID["sn"]],
        },
        "groups",
    ),
    Preset(
        "entra",
        "Microsoft Entra ID",
        {
            "uid": [f"{MICROSOFT}/identity/claims/objectidentifier"],
            "email": [f"{CLAIMS}/emailaddress", f"{CLAIMS}/name"],
            "first_name": [f"{CLAIMS}/givenname"],
            "last_name": [f"{CLAIMS}/surname"],
        },
        f"{MICROSOFT}/ws/2008/06/identity/claims/groups",
        signs_message=False,
    ),
    Preset(
        "okta",
        "Okta",
        {
            "uid": ["id"],
            "email": ["email"],
            "first_name": ["firstName"],
            "last_name": ["lastName"],
        },
        "groups",
    ),
    Preset(
        "google",
        "Google Workspace",
        {
            "uid": [],
            "email": ["email"],
            "first_name": ["firstName"],
            "last_name": ["lastName"],
        },
        "groups",
        signs_message=False,
    ),
    Preset(
        "keycloak",
        "Keycloak",
        {
            "uid": ["id"],
            "email": ["email", OID["mail"]],
            "first_name": ["givenName", OID["givenName"]],
            "last_name": ["surname", OID["sn"]],
        },
        "Role",
    ),
    Preset(
        "renater",
        _("RENATER federation (eduPerson, SupAnn)"),
        {
            "uid": [
                SUBJECT_ID,
                PAIRWISE_ID,
                "eduPersonUniqueId",
                OID["eduPersonUniqueId"],
                "eduPersonPrincipalName",
                OID["eduPersonPrincipalName"],
                "supannEtuId",
                OID["supannEtuId"],
                "supannEmpId",
                OID["supannEmpId"],
            ],
            "email": ["mail", OID["mail"]],
            "first_name": ["givenName", OID["givenName"]],
            "last_name": ["sn", OID["sn"]],
        },
        OID["eduPersonAffiliation"],
    ),
)
BY_CODE = {preset.code: preset for preset in PRESETS}
