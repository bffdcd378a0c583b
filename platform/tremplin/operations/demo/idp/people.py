"""The people whom the demo's provider knows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

HOST = "demo-idp.localhost"
ENTITY_ID = f"https://{HOST}/saml"
NAME = "Voltéo ID"
ROLE_MAP = {"staff": "recruiter", "faculty": "trainer"}


@dataclass(frozen=True, slots=True)
class Identity:
    """One person: eduPerson names (affiliations in the order of preference)."""

    key: str
    first_name: str
    last_name: str
    email: str
    affiliations: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def principal(self) -> str:
        """The eduPersonPrincipalName."""
        return f"{self.key}@volteo.example"

    def name_id(self, service: str) -> str:
        """Return her persistent identifier for one service, another one for each."""
        return hashlib.sha256(f"{self.key}!{service}".encode()).hexdigest()[:32]


PEOPLE = (
    Identity("marc", "Marc", "Delmas", "marc@volteo.example", ("staff", "member")),
    Identity("ines", "Inès", "Garcia-Lecœur", "ines@volteo.example", ("faculty", "member")),
    Identity("yann", "Yann", "Le Goff", "yann@volteo.example", ("affiliate",)),
    Identity("sam", "Sam", "Ailleurs", "sam@ailleurs.example", ("staff",)),
)
BY_KEY = {person.key: person for person in PEOPLE}
EDU_PERSON = {
    "eduPersonPrincipalName": "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
    "mail": "urn:oid:0.9.2342.19200300.100.1.3",
    "givenName": "urn:oid:2.5.4.42",
    "sn": "urn:oid:2.5.4.4",
    "eduPersonAffiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.1",
}


def attributes(person: Identity) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return name, friendly name and values of each attribute that the provider releases."""
    values = {
        "eduPersonPrincipalName": (person.principal,),
        "mail": (person.email,),
        "givenName": (person.first_name,),
        "sn": (person.last_name,),
        "eduPersonAffiliation": person.affiliations,
    }
    return [(EDU_PERSON[short], short, found) for short, found in values.items()]
