"""The public prices: those of the host, in the language and the rhythm of the reader."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.core.billing.engine.conftest import make_price

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo


def test_anybody_reads_the_prices_by_month_and_by_year(
    hq: TenantInfo, client_for: Callable[..., Client]
) -> None:
    make_price("ecole", 39000, seats=100, extra=390)
    make_price("ecole", 390000, interval="year", seats=100)
    visitor = client_for(hq)
    page = visitor.get("/pricing/").content.decode()
    assert 'data-testid="plan-ecole-price">390,00\u202fEUR<' in page
    assert 'href="/start/"' in page
    page = visitor.get("/pricing/?rhythm=year").content.decode()
    assert 'data-testid="plan-ecole-price">3\u202f900,00\u202fEUR<' in page
    # Twelve months less ten.
    assert "780,00\u202fEUR" in page
    english = visitor.get("/pricing/", headers={"accept-language": "en"}).content.decode()
    assert 'data-testid="plan-ecole-price">EUR\u00a0390.00<' in english


def test_a_reseller_asks_its_own_price_on_its_host_and_from_its_clients(
    space: Callable[[str], TenantInfo],
    hq: TenantInfo,
    tenant_a: TenantInfo,
    client_for: Callable[..., Client],
) -> None:
    from dataclasses import replace

    from tremplin.billing import cards, services

    reseller = space("passerelle")
    price = make_price("pro", 19000, seats=50, extra=450)
    hidden = make_price("expert", 29000, seats=80, extra=450)
    services.set_book(reseller, discount_percent=Decimal(25))
    services.set_retail(reseller, price, 21000)
    services.set_entry(reseller, hidden, is_hidden=True)
    page = client_for(reseller).get("/pricing/").content.decode()
    assert 'data-testid="plan-pro-price">210,00\u202fEUR<' in page
    assert "plan-expert" not in page
    own = client_for(tenant_a).get("/pricing/").content.decode()
    assert 'data-testid="plan-pro-price">190,00\u202fEUR<' in own
    client = replace(tenant_a, reseller_pk=reseller.pk)
    found = {card.version.plan.key: card.first.amount_minor for card in cards.plan_cards(client)}
    assert found == {"pro": 21000}


def test_a_currency_without_cents_shows_none(hq: TenantInfo) -> None:
    from tremplin.billing import cards

    make_price("ecole", 250000, currency="XOF", seats=100)
    found = cards.plan_cards(hq, currency="XOF")
    assert [(card.name, card.first.amount_minor) for card in found] == [("Ecole", 250000)]
    assert cards.plan_cards(hq) == []


def test_without_plans_the_page_says_so(hq: TenantInfo, client_for: Callable[..., Client]) -> None:
    from tenants.context import public_write
    from tremplin.billing.models import Price

    with public_write("test"):
        Price.objects.update(is_active=False)
    page = client_for(hq).get("/pricing/")
    assert page.status_code == 200
    assert 'data-testid="plan-' not in page.content.decode()
