"""A school that sells: its identity, its shop, its people and their clients."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.people import PASSWORD

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo
    from tremplin.billing.sales.models import Entry

IDENTITY = {
    "legal_name": "MécaFormation Lyon",
    "siren": "793102450",
    "vat_id": "FR85793102450",
    "email": "ventes@mecaformation.example",
    "line1": "7 rue des Forges",
    "postal_code": "69007",
    "city": "Lyon",
    "country": "FR",
}
IBAN = "FR7630006000011234567890189"


def open_shop(**fields: Any) -> None:
    """Give the current space a seller that can sell."""
    from tremplin.billing.sales import sellers

    sellers.save(**{**IDENTITY, **fields})


def sell(price_minor: int = 2_500, **fields: Any) -> Entry:
    """Put something on sale in the current space."""
    from tremplin.billing.sales import catalogue

    known = {
        "kind": "premium_cv",
        "currency": "EUR",
        "price_minor": price_minor,
        "is_on_sale": True,
    }
    return catalogue.save(None, **{**known, **fields})


@pytest.fixture
def someone(inside: Callable[..., Any], client_for: Callable[..., Client]) -> Callable[..., Client]:
    """Return ``someone(tenant, role, name)``: a signed-in client; ``client.person`` is who."""

    def make(tenant: TenantInfo, role: str = "learner", name: str = "ann") -> Client:
        from tremplin.identity.services import create_person

        with inside(tenant):
            person = create_person(
                email=f"{name}@{tenant.slug}.example",
                first_name=name.title(),
                last_name="Mercier",
                roles=[role],
                password=PASSWORD,
            )
        client = client_for(tenant, person)
        client.person = person  # type: ignore[attr-defined]
        return client

    return make


def hidden(page: str, name: str) -> str:
    """Return the value of a hidden input."""
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert tag is not None
    value = re.search(r'value="([^"]*)"', tag[0])
    assert value is not None
    return value[1]


def typed(client: Client, entry: Entry, **fields: str) -> dict[str, str]:
    """Return what the form of an entry sends, as its page shows it now."""
    page = client.get(f"/app/shop/{entry.pk}/").content.decode()
    return {
        "name": "Ann Mercier",
        "line1": "",
        "postal_code": "",
        "city": "",
        "way": "sandbox",
        "agreed": "on",
        "shown": hidden(page, "shown"),
        "key": hidden(page, "key"),
        **fields,
    }


def ordered(client: Client, entry: Entry, **fields: str) -> str:
    """Order an entry and return the path of the order."""
    answer = client.post(f"/app/shop/{entry.pk}/", typed(client, entry, **fields))
    assert answer.status_code == 302, answer.content.decode()
    found = re.match(r"/app/shop/orders/[0-9a-f-]{36}/", answer["Location"])
    assert found is not None, answer["Location"]
    return found[0]
